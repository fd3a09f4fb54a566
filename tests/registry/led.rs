//! Answers that lead elsewhere: what is secret stays where it belongs.

use conex::registry::{Client, Login, Logins, Reason, Secret, Version};
use testkit::TestHost;

use crate::{
    hostile::{Hostile, digest, manifest, say},
    image::blob,
    server::settings,
};

const BASIC: &str = r#"Basic realm="x""#;

/// A client with a login for this host.
fn known(test: &TestHost, host: &str) -> Client {
    let settings = settings(test);
    let login = Login::Password { user: "u".to_owned(), password: Secret::new("p") };
    Logins::clone(&settings.logins).save(host, &login).expect("the test host's tmpfs is writable");
    Client::new(settings)
}

fn latest() -> Version {
    Version::Tag("latest".to_owned())
}

pub(crate) fn login(test: &TestHost) {
    let stranger = Hostile::raw(|heard, stream| {
        let answer = match heard.path.as_str() {
            // Who asks for a login here gets none either, and no client who wants a token for it.
            "/secret" => {
                let realm = format!("Bearer realm=\"http://{}/token\"", heard.header("host"));
                say(401, &[("www-authenticate", &realm)], b"")
            }
            _ => say(200, &[], b"layer"),
        };
        std::io::Write::write_all(stream, &answer)
    });
    let elsewhere = stranger.address.clone();
    let server = Hostile::raw(move |heard, stream| {
        let to = |path: &str| say(307, &[("location", &format!("http://{elsewhere}{path}"))], b"");
        let answer = match heard.path.as_str() {
            _ if heard.header("authorization").is_empty() => say(401, &[("www-authenticate", BASIC)], b""),
            "/v2/x/manifests/latest" => to("/secret"),
            "/v2/x/blobs/here" => say(200, &[], b"layer"),
            path if path.starts_with("/v2/x/blobs/sha256") => to("/layer"),
            _ => say(200, &[], b""),
        };
        std::io::Write::write_all(stream, &answer)
    });
    let client = known(test, &server.address);
    let repository = client.repository(&server.image());
    let mut taken = Vec::new();
    repository.blob(&blob(b"layer"), &mut taken, &()).expect("a redirect is followed");
    assert_eq!(taken, b"layer");
    let error = repository.manifest(&latest()).expect_err("the stranger wants a login");
    assert!(matches!(error.reason, Reason::Denied { .. }), "{error}");
    let heard = stranger.heard();
    assert_eq!(heard.iter().map(|heard| heard.path.as_str()).collect::<Vec<_>>(), ["/layer", "/secret"]);
    assert!(heard.iter().all(|heard| !heard.headers.contains_key("authorization")), "{heard:?}");
    assert!(server.heard().iter().any(|heard| heard.header("authorization") == "Basic dTpw"));
}

pub(crate) fn unsafe_places(test: &TestHost) {
    let led = |location: &'static str| {
        let server = Hostile::start(move |heard| match heard.method.as_str() {
            "POST" => say(202, &[("location", location)], b""),
            _ => say(302, &[("location", location)], b""),
        });
        let client = known(test, &server.address);
        let repository = client.repository(&server.image());
        let pulled = repository.manifest(&latest()).expect_err(location).reason;
        let pushed = repository.upload_blob(&blob(b"x"), &b"x".to_vec(), &()).expect_err(location).reason;
        [pulled, pushed]
            .iter()
            .for_each(|reason| assert!(matches!(reason, Reason::Wrong { .. }), "{location}: {reason}"));
    };
    // A host that is not this machine, plain; no host; another protocol; a user's name in it; nothing.
    ["http://192.0.2.1/x", "http://", "file:///etc/passwd", "http://u:p@127.0.0.1/", ""].into_iter().for_each(led);
    let circle = Hostile::start(|_| say(302, &[("location", "/v2/x/again")], b""));
    let error = known(test, &circle.address).repository(&circle.image()).manifest(&latest()).expect_err("no end");
    assert!(error.to_string().ends_with("it leads on and on, more than 10 times"), "{error}");
    // Tokens come from nowhere where others read along; nobody is asked, and nothing is sent.
    let realm = r#"Bearer realm="http://192.0.2.1/token",service="x""#;
    let server = Hostile::start(move |heard| match heard.header("authorization") {
        "" => say(401, &[("www-authenticate", realm)], b""),
        _ => manifest(b"{}", &digest(b"{}")),
    });
    let error = known(test, &server.address).repository(&server.image()).manifest(&latest()).expect_err("plain HTTP");
    assert!(error.to_string().contains("its tokens shall come from \"http://192.0.2.1/token\""), "{error}");
    assert!(server.heard().iter().all(|heard| heard.header("authorization").is_empty()));
}
