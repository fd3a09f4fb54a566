//! Who may, over what: certificates, passwords, tokens, and programs that keep them.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use conex::{
    Failure,
    registry::{Client, Login, Reason, Secret, Settings, Version},
};
use testkit::TestHost;

use crate::{
    hostile::{Hostile, digest, manifest, say},
    image::Image,
    server::{Server, client, reference, settings, skopeo},
    tls::{ADDRESS, SIGNED, openssl, private, with_tls},
};

fn password(user: &str, password: &str) -> Login {
    Login::Password { user: user.to_owned(), password: Secret::new(password) }
}

fn latest() -> Version {
    Version::Tag("latest".to_owned())
}

/// Of one that signs itself, over the whole of 2020: no other program of openssl's takes a date that is past.
const PAST: &str = "[ca]\ndefault_ca=x\n[x]\ndatabase=index\nnew_certs_dir=.\ndefault_md=sha256\nserial=next\npolicy=p\n\
    x509_extensions=e\n[p]\ncommonName=supplied\n[e]\nbasicConstraints=CA:TRUE\nsubjectAltName=IP:10.99.0.1\n";

/// Method: a registry with a certificate that signs itself, as an authority's do and as a server's may; then what lies in
/// `certs.d` is another's, and the certificate is too old, or for another host.
pub(crate) fn own_certificates(test: &TestHost) {
    let tls = test.directory("tls");
    let place = test.directory("certs.d/10.99.0.1:5000");
    let list = || fs::copy(tls.join("server.crt"), place.join("ca.crt")).expect("copied");
    let ask = || {
        let _server = Server::with(test, ADDRESS, &with_tls(&tls), "");
        client(test).ping(ADDRESS).map_err(|error| error.reason)
    };
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=r";
    let make = |more: &str| openssl(test, &[&format!("{new} -keyout server.key -out server.crt {more}")]);
    for extension in ["basicConstraints=critical,CA:FALSE", "keyUsage=digitalSignature"] {
        make(&format!("-addext {extension} -addext subjectAltName=IP:10.99.0.1"));
        list();
        assert_eq!(ask(), Ok(()), "{extension}");
    }
    // The same in everything but its key.
    make("-addext subjectAltName=IP:10.99.0.1");
    assert_eq!(ask(), Err(Reason::Authority { host: ADDRESS.into() }));
    for kind in ["CA:FALSE", "CA:TRUE"] {
        make(&format!("-addext basicConstraints={kind} -addext subjectAltName=IP:10.99.0.2"));
        list();
        assert!(matches!(ask(), Err(Reason::Certificate { why, .. }) if why.contains("10.99.0.1")), "{kind}");
    }
    fs::write(tls.join("past.conf"), PAST).and_then(|()| fs::write(tls.join("index"), "")).expect("written");
    let sign = "ca -batch -config past.conf -selfsign -create_serial -notext -keyfile server.key -in server.csr";
    openssl(test, &["req -new -key server.key -subj /CN=r -out server.csr", &format!("{sign} {YEAR} -out server.crt")]);
    list();
    assert!(matches!(ask(), Err(Reason::Certificate { why, .. }) if why.contains("expired")), "{:?}", ask());
}

const YEAR: &str = "-startdate 20200101000000Z -enddate 20210101000000Z";

pub(crate) fn tls(test: &TestHost) {
    let tls = openssl(test, &SIGNED);
    let _server = private(test, &tls);
    let name = reference("10.99.0.1:5000/x");
    let error = client(test).repository(&name).manifest(&latest()).expect_err("nobody knows who signed it");
    let failure = Failure::from(error);
    assert!(failure.message.ends_with("10.99.0.1:5000 is signed by nobody whom this machine trusts"), "{failure}");
    let hint = "put the certificate of who signed it into /etc/docker/certs.d/10.99.0.1:5000/ca.crt";
    assert_eq!(failure.hint.as_deref(), Some(hint));
    let place = test.directory("certs.d/10.99.0.1:5000");
    fs::copy(tls.join("ca.crt"), place.join("ca.crt")).expect("copied");

    let stranger = client(test);
    let failure = Failure::from(stranger.repository(&name).manifest(&latest()).expect_err("a stranger"));
    assert_eq!(failure.hint.as_deref(), Some("conex login 10.99.0.1:5000"), "{failure}");
    let failure = stranger.login("10.99.0.1:5000", password("user", "wrong")).expect_err("a wrong password");
    assert!(failure.message.starts_with("log in to 10.99.0.1:5000: 10.99.0.1:5000 does not allow it"), "{failure}");
    let config = test.directory("docker").join("config.json");
    assert!(!config.exists(), "a wrong password is not kept");
    stranger.login("10.99.0.1:5000", password("user", "pass:word")).expect("a good password");
    let mode = fs::metadata(&config).expect("the login is kept").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let known = client(test);
    known.ping("10.99.0.1:5000").expect("let in");
    let image = Image::new(100_000);
    image.push(&known.repository(&name), "latest");
    assert_eq!(known.repository(&name).manifest(&latest()).expect("pulled").bytes, image.manifest);
    // Skopeo reads our login, and what we pushed.
    let (auth, certs) = (config.display().to_string(), place.display().to_string());
    let arguments = ["inspect", "--raw", "--authfile", &auth, "--cert-dir", &certs, "docker://10.99.0.1:5000/x"];
    assert_eq!(skopeo(test, &arguments).as_bytes(), image.manifest);
    assert!(known.logout("10.99.0.1:5000").expect("forgotten"));
    client(test).ping("10.99.0.1:5000").expect_err("a stranger again");
}

pub(crate) fn plain(test: &TestHost) {
    let _server = Server::start(test, ADDRESS);
    let failure = Failure::from(client(test).ping("10.99.0.1:5000").expect_err("plain"));
    assert!(failure.message.contains("speaks plain HTTP"), "{failure}");
    for insecure in ["10.99.0.1:5000", "10.99.0.0/16"] {
        let settings = Settings { insecure: vec![insecure.to_owned()], ..settings(test) };
        Client::new(settings).ping("10.99.0.1:5000").expect(insecure);
    }
    let other = Settings { insecure: vec!["10.99.0.1".to_owned()], ..settings(test) };
    Client::new(other).ping("10.99.0.1:5000").expect_err("another port was named");
}

/// A registry that takes `Bearer TOKEN`, and a third party that gives TOKEN to who asks with `authorization`.
fn with_tokens(party: &Hostile) -> Hostile {
    let challenge = format!("Bearer realm=\"http://{}/token?a=b\",service=\"s p\"", party.address);
    Hostile::raw(move |heard, stream| {
        let answer = match (heard.header("authorization"), heard.path.as_str()) {
            ("Bearer t", path) if path.contains("/manifests/") => manifest(b"{}", &digest(b"{}")),
            ("Bearer t", _) => say(201, &[], b""),
            _ => say(401, &[("www-authenticate", &challenge)], b""),
        };
        std::io::Write::write_all(stream, &answer)
    })
}

fn third_party() -> Hostile {
    Hostile::start(|_| say(200, &[], br#"{"token": "t", "expires_in": 300}"#))
}

pub(crate) fn tokens(test: &TestHost) {
    let party = third_party();
    let server = with_tokens(&party);
    let client = client(test);
    let repository = client.repository(&server.image());
    for _ in 0..3 {
        repository.manifest(&latest()).expect("a token lets in");
    }
    assert!(repository.mount_blob(&conex::registry::Digest::of(b"x"), "other").expect("mounted"));
    let asked: Vec<String> = party.heard().into_iter().map(|heard| heard.path).collect();
    let base = "/token?a=b&service=s%20p&scope=repository%3A";
    let both = format!("{base}other%3Apull&scope=repository%3Ax%3Apull%2Cpush");
    assert_eq!(asked, [format!("{base}x%3Apull"), both]);
    // With a password the third party is told who asks, and the registry only gets the token.
    let settings = settings(test);
    settings.logins.save(&server.address, &password("me", "p")).expect("kept");
    Client::new(settings).repository(&server.image()).manifest(&latest()).expect("let in");
    let last = party.heard().pop().expect("asked again");
    assert_eq!(last.path, format!("{base}x%3Apull&account=me"));
    assert_eq!(last.header("authorization"), "Basic bWU6cA==");
    assert!(!server.heard().iter().any(|heard| heard.header("authorization").starts_with("Basic")));
}

pub(crate) fn identity(test: &TestHost) {
    let party = third_party();
    let server = with_tokens(&party);
    let settings = settings(test);
    settings.logins.save(&server.address, &Login::Identity(Secret::new("i d"))).expect("kept");
    Client::new(settings).repository(&server.image()).manifest(&latest()).expect("let in");
    let heard = party.heard();
    assert_eq!((heard.len(), heard[0].method.as_str(), heard[0].path.as_str()), (1, "POST", "/token?a=b"));
    let form = "service=s%20p&scope=repository%3Ax%3Apull&grant_type=refresh_token&client_id=conex&refresh_token=i%20d";
    assert_eq!(String::from_utf8_lossy(&heard[0].body), form);
}

/// A directory over /usr/local/bin, which is in everybody's PATH, while it is held.
struct Programs;

impl Programs {
    fn add(test: &TestHost, name: &str, script: &str) -> Self {
        let path = test.directory("programs").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
        let place = test.directory("programs");
        test.run(Command::new("mount").arg("--bind").arg(place).arg("/usr/local/bin")).success();
        Self
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        assert!(Command::new("umount").arg("/usr/local/bin").status().is_ok_and(|status| status.success()));
    }
}

/// Keeps one login in a file; `broken` makes it fail, `silent` lie.
const SCRIPT: &str = "file=/mnt/work/kept\nread line\ncase $1 in\nstore) echo \"$line\" >$file ;;\nerase) rm $file ;;\n\
    get) [ -e $file.broken ] && { echo 'the keyring is locked'; exit 1; }\n[ -e $file.lie ] && { echo 'p4ssw0rd'; exit 0; }\n\
    [ -e $file ] && cat $file || { echo 'credentials not found in native keychain'; exit 1; } ;;\nesac\n";

pub(crate) fn helper(test: &TestHost) {
    let _programs = Programs::add(test, "docker-credential-test", SCRIPT);
    let config = test.directory("docker").join("config.json");
    fs::write(&config, r#"{"credsStore": "test", "auths": {"x": {"auth": "YTpi"}}}"#).expect("written");
    let logins = settings(test).logins;
    assert_eq!(logins.find("r:5000").expect("an answer"), None);
    logins.save("r:5000", &password("u", "s3cret")).expect("stored");
    assert_eq!(logins.find("r:5000").expect("an answer"), Some(password("u", "s3cret")));
    assert!(!fs::read_to_string(&config).expect("there").contains("s3cret"), "docker's file has no secret");
    for (mark, why) in [
        ("broken", "docker-credential-test get: the keyring is locked"),
        ("lie", "docker-credential-test get: it prints something else than a login"),
    ] {
        let mark = test.directory(".").join(format!("kept.{mark}"));
        fs::write(&mark, "").expect("written");
        assert_eq!(logins.find("r:5000").expect_err(why).to_string(), why);
        // Then nothing is asked: neither as a stranger nor with another's password.
        let server = Hostile::start(|_| manifest(b"{}", &digest(b"{}")));
        let error = client(test).repository(&server.image()).manifest(&latest()).expect_err("fails closed");
        assert!(matches!(error.reason, Reason::Here { .. }) && server.heard().is_empty(), "{error}");
        fs::remove_file(mark).expect("removed");
    }
    assert!(logins.forget("r:5000").expect("erased"));
    assert_eq!(logins.find("r:5000").expect("an answer"), None);
}
