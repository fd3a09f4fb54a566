//! Mirrors: before the origin, for what is pulled, and without its login.

use conex::registry::{Client, Login, Secret, Settings, Version};
use testkit::TestHost;

use crate::{
    hostile::{Hostile, digest, manifest, say},
    image::{Image, blob, noise},
    server::{Server, reference, settings},
};

fn latest() -> Version {
    Version::Tag("latest".to_owned())
}

/// Serves one manifest and one blob to whoever asks; an upload ends at once.
fn good(wants_login: bool) -> Hostile {
    Hostile::raw(move |heard, stream| {
        let stranger = wants_login && heard.header("authorization").is_empty();
        let answer = match (heard.method.as_str(), heard.path.as_str()) {
            _ if stranger => say(401, &[("www-authenticate", "Basic realm=x")], b""),
            (_, "/v2/") => say(200, &[], b""),
            ("GET", path) if path.contains("/manifests/") => manifest(b"{}", &digest(b"{}")),
            ("GET", _) => say(200, &[], &noise(1000)),
            _ => say(201, &[], b""),
        };
        std::io::Write::write_all(stream, &answer)
    })
}

fn client(test: &TestHost, origin: &Hostile, mirrors: &[&str]) -> Client {
    let mirrors = mirrors.iter().map(|mirror| format!("http://{mirror}")).collect();
    let settings = Settings { mirrors: [(origin.address.clone(), mirrors)].into(), ..settings(test) };
    let login = Login::Password { user: "u".to_owned(), password: Secret::new("p") };
    settings.logins.save(&origin.address, &login).expect("the test host's tmpfs is writable");
    Client::new(settings)
}

fn pull(client: &Client, origin: &Hostile) {
    let repository = client.repository(&origin.image());
    assert_eq!(repository.manifest(&latest()).expect("pulled").bytes, b"{}");
    let mut taken = Vec::new();
    repository.blob(&blob(&noise(1000)), &mut taken, &()).expect("pulled");
    assert_eq!(taken, noise(1000));
}

pub(crate) fn first(test: &TestHost) {
    let (origin, mirror) = (good(true), good(false));
    let client = client(test, &origin, &[&mirror.address]);
    pull(&client, &origin);
    assert_eq!((origin.heard().len(), mirror.heard().len()), (0, 3));
    client.repository(&origin.image()).put_manifest(&latest(), "x/y", b"{}").expect("pushed");
    assert_eq!(mirror.heard().len(), 3, "nothing is pushed to a mirror");
    assert!(origin.heard().iter().any(|heard| heard.method == "PUT" && heard.header("authorization") == "Basic dTpw"));
    // A mirror that asks for a login gets none: there is one for the origin only.
    let curious = good(true);
    pull(&self::client(test, &origin, &[&curious.address]), &origin);
    assert!(!curious.heard().is_empty());
    let secret = |heard: &crate::hostile::Heard| heard.headers.contains_key("authorization");
    assert!(!curious.heard().iter().chain(&mirror.heard()).any(secret));
}

pub(crate) fn passed_over(test: &TestHost) {
    let (origin, last) = (good(true), good(false));
    let answers: [fn() -> Vec<u8>; 5] = [
        || say(404, &[], b""),
        || say(500, &[], b""),
        || say(429, &[("retry-after", "60")], b""),
        || manifest(b"{}", "sha256:../../x"),
        || say(302, &[("location", "http://192.0.2.1/")], b""),
    ];
    let mut servers: Vec<Hostile> = answers.into_iter().map(|answer| Hostile::start(move |_| answer())).collect();
    // Half of a blob, and no more; no registry at all.
    servers.push(Hostile::start(|_| say(200, &[("content-length", "1000")], &noise(500))));
    servers.push(Hostile::raw(|_, stream| std::io::Write::write_all(stream, b"SSH-2.0-x\r\n")));
    let mut mirrors: Vec<&str> = vec!["127.0.0.1:1"];
    mirrors.extend(servers.iter().map(|server| server.address.as_str()));
    pull(&client(test, &origin, &mirrors), &origin);
    assert!(!origin.heard().is_empty() && servers.iter().all(|server| !server.heard().is_empty()));
    let before = origin.heard().len();
    mirrors.push(&last.address);
    pull(&client(test, &origin, &mirrors), &origin);
    assert_eq!(origin.heard().len(), before, "the last mirror is good");
}

/// Method: a registry that keeps what it fetched from the origin; each of the two is ended in turn.
pub(crate) fn kept(test: &TestHost) {
    let (origin, name) = (Server::start(test, "127.0.0.1:5000"), reference("127.0.0.1:5000/x"));
    let remote = "proxy:\n  remoteurl: http://127.0.0.1:5000\n";
    let mirror = Server::with(test, "127.0.0.1:5001", "", remote);
    let mirrors = [("127.0.0.1:5000".to_owned(), vec!["http://127.0.0.1:5001".to_owned()])].into();
    let settings = Settings { mirrors, ..settings(test) };
    let image = Image::new(100_000);
    image.push(&Client::new(settings.clone()).repository(&name), "latest");
    let pull = || {
        let client = Client::new(settings.clone());
        let repository = client.repository(&name);
        assert_eq!(repository.manifest(&latest()).expect("pulled").bytes, image.manifest);
        let mut layer = Vec::new();
        repository.blob(&blob(&image.layer), &mut layer, &()).expect("pulled");
        assert!(layer == image.layer);
        repository.small_blob(&blob(&image.config)).expect("pulled");
    };
    pull();
    // The mirror keeps a blob after it has served it.
    let kept = test.directory("registry-127.0.0.1:5001").join("store/docker/registry/v2/blobs/sha256");
    let count = || std::fs::read_dir(&kept).map_or(0, |entries| entries.flatten().count());
    testkit::wait_until("the mirror has manifest, layer and config", || count() == 3);
    drop(origin);
    pull();
    let _origin = Server::start(test, "127.0.0.1:5000");
    drop(mirror);
    pull();
}
