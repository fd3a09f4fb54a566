//! Servers whose answers are not what they should be.

use std::{
    io::Write,
    sync::Mutex,
    time::{Duration, Instant},
};

use conex::{
    Failure,
    registry::{Client, Digest, Patience, Reason, Reference, Settings, Version},
};
use testkit::TestHost;

use crate::{
    hostile::{Hostile, digest, manifest, say},
    image::{blob, noise},
    server::{client, settings},
};

fn latest() -> Version {
    Version::Tag("latest".to_owned())
}

/// What is wrong with the manifest of this image, in the client's words.
#[track_caller]
fn wrong_manifest(client: &Client, image: &Reference, version: &Version) -> String {
    let error = client.repository(image).manifest(version).expect_err("refused");
    assert!(matches!(error.reason, Reason::Wrong { .. }), "{error}");
    error.to_string()
}

pub(crate) fn digests(test: &TestHost) {
    let client = client(test);
    let (said, other) = (digest(b"{}"), digest(b"{ }"));
    let asked: Version = Version::Digest(Digest::of(b"{ }"));
    let right = Hostile::start(move |_| manifest(b"{}", &said));
    let served = client.repository(&right.image()).manifest(&latest()).expect("good");
    assert_eq!((served.bytes.as_slice(), served.digest), (&b"{}"[..], Digest::of(b"{}")));
    assert!(wrong_manifest(&client, &right.image(), &asked).contains(&format!("what it calls {other} is ")));
    let contradicting = Hostile::start(move |_| manifest(b"{}", &other));
    wrong_manifest(&client, &contradicting.image(), &latest());
    wrong_manifest(&client, &contradicting.image(), &asked);
    for odd in ["sha256:../../x", "../../x", "md5:abc", ""] {
        let server = Hostile::start(move |_| manifest(b"{}", odd));
        assert!(wrong_manifest(&client, &server.image(), &latest()).contains("is no digest"), "{odd}");
        let stat = client.repository(&server.image()).stat(&latest());
        assert!(stat.is_err_and(|error| matches!(error.reason, Reason::Wrong { .. })), "{odd}");
    }
    let config = Hostile::start(|_| say(200, &[], b"{ }"));
    let error = client.repository(&config.image()).small_blob(&blob(b"{-}")).expect_err("other bytes");
    assert!(error.to_string().ends_with(&format!("gives a wrong answer: it is {}", digest(b"{ }"))), "{error}");
}

pub(crate) fn lengths(test: &TestHost) {
    let client = client(test);
    let fetch = |server: &Hostile, size: usize| {
        let mut taken = Vec::new();
        let error = client.repository(&server.image()).blob(&blob(&noise(size)), &mut taken, &()).err();
        (error.map(|error| error.reason), taken.len())
    };
    let wrong = |reason: Option<Reason>| matches!(reason, Some(Reason::Wrong { .. }));
    let announced = Hostile::start(|_| say(200, &[], &noise(1000)));
    assert_eq!(fetch(&announced, 1000), (None, 1000));
    for size in [999, 1001] {
        let (reason, taken) = fetch(&announced, size);
        assert!(wrong(reason) && taken == 0, "{size}");
    }
    let chunked = |body: &[u8]| {
        let whole = [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n0\r\n\r\n"].concat();
        say(200, &[("transfer-encoding", "chunked")], &whole)
    };
    let silent = Hostile::start(move |_| chunked(&noise(1000)));
    assert_eq!(fetch(&silent, 1000), (None, 1000));
    let (reason, taken) = fetch(&silent, 999);
    assert!(wrong(reason) && taken == 999, "never more than it should be");
    let (reason, taken) = fetch(&silent, 1001);
    assert!(matches!(reason, Some(Reason::Broken { .. })) && taken == 1000);
    let nothing = Hostile::start(|_| say(200, &[], b""));
    assert_eq!(fetch(&nothing, 0), (None, 0));
}

pub(crate) fn endless(test: &TestHost) {
    let client = client(test);
    let huge = Hostile::start(|_| say(200, &[("content-length", "4294967296")], b"{"));
    assert!(wrong_manifest(&client, &huge.image(), &latest()).contains("more than 4194304 bytes"));
    let endless = |head: &'static [u8]| {
        Hostile::raw(move |heard, stream| {
            if heard.path == "/v2/" {
                return stream.write_all(&say(200, &[], b""));
            }
            stream.write_all(head)?;
            loop {
                stream.write_all(b"400\r\n")?;
                stream.write_all(&[b' '; 0x400])?;
                stream.write_all(b"\r\n")?;
            }
        })
    };
    let body = endless(b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n");
    assert!(wrong_manifest(&client, &body.image(), &latest()).contains("more than 4194304 bytes"));
    let headers = endless(b"HTTP/1.1 200 x\r\nx: ");
    client.repository(&headers.image()).manifest(&latest()).expect_err("a header without end");
    let refusal = endless(b"HTTP/1.1 403 x\r\ntransfer-encoding: chunked\r\n\r\n");
    let error = client.repository(&refusal.image()).manifest(&latest()).expect_err("denied");
    assert!(matches!(error.reason, Reason::Denied { .. }) && error.to_string().len() < 500, "{error}");
}

/// Answers the second request for a blob, of which these are the bytes.
type Second = fn(&[u8]) -> Vec<u8>;

pub(crate) fn ranges(test: &TestHost) {
    let (client, layer) = (client(test), noise(1000));
    // Method: the first answer breaks after 400 bytes; `second` answers the request for the rest.
    let fetch = |second: Second| {
        let bytes = layer.clone();
        let server = Hostile::start(move |heard| match heard.header("range") {
            "" => say(200, &[("content-length", "1000")], &bytes[..400]),
            "bytes=400-" => second(&bytes),
            other => panic!("{other}"),
        });
        let mut taken = Vec::new();
        let result = client.repository(&server.image()).blob(&blob(&layer), &mut taken, &());
        (result.map_err(|error| error.reason), taken)
    };
    let good: [Second; 2] = [
        |bytes| say(206, &[("content-range", "bytes 400-999/1000")], &bytes[400..]),
        // A server that knows no ranges.
        |bytes| say(200, &[], bytes),
    ];
    for second in good {
        let (result, taken) = fetch(second);
        assert!(result == Ok(()) && taken == layer, "{result:?}");
    }
    let odd: [Second; 4] = [
        |bytes| say(206, &[("content-range", "bytes 0-599/1000")], &bytes[..600]),
        |bytes| say(206, &[("content-range", "bytes 400-999/2000")], &bytes[400..]),
        |bytes| say(206, &[], &bytes[400..]),
        |bytes| say(206, &[("content-range", "bytes 400-999/1000")], &bytes[300..]),
    ];
    for second in odd {
        let (result, taken) = fetch(second);
        assert!(matches!(result, Err(Reason::Wrong { .. })), "{result:?}");
        assert_eq!(taken, layer[..400]);
    }
}

pub(crate) fn busy(test: &TestHost) {
    let times = Mutex::new(0);
    let server = Hostile::start(move |_| {
        let mut times = times.lock().expect("no panic");
        *times += 1;
        match *times {
            1 => say(429, &[("retry-after", "1")], b""),
            2 => say(503, &[], b""),
            _ => manifest(b"{}", &digest(b"{}")),
        }
    });
    let started = Instant::now();
    client(test).repository(&server.image()).manifest(&latest()).expect("at the third time");
    assert!(started.elapsed() >= Duration::from_secs(1), "it waits as long as it was told");
    let never = Hostile::start(|_| say(429, &[], br#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#));
    let error = client(test).repository(&never.image()).manifest(&latest()).expect_err("never");
    assert!(error.to_string().ends_with("answers with status 429: slow down"), "{error}");
    assert_eq!(never.heard().len(), 1 + 5);
}

pub(crate) fn stall(test: &TestHost) {
    let patience = Patience { attempts: 2, stall: Duration::from_millis(300), pause: Duration::from_millis(1) };
    let client = Client::new(Settings { patience, ..settings(test) });
    let server = Hostile::raw(|heard, stream| match heard.path.as_str() {
        "/v2/" => stream.write_all(&say(200, &[], b"")),
        "/v2/x/manifests/latest" => loop {
            std::thread::park();
        },
        _ => {
            // One byte in 100 ms is slow, and no stall.
            stream.write_all(&say(200, &[("content-length", "10")], b""))?;
            (0..10).try_for_each(|_| {
                std::thread::sleep(Duration::from_millis(100));
                stream.write_all(b"x")
            })
        }
    });
    let repository = client.repository(&server.image());
    let error = repository.manifest(&latest()).expect_err("nothing comes");
    assert!(matches!(error.reason, Reason::Stalled { .. }), "{error}");
    let mut taken = Vec::new();
    repository.blob(&blob(b"xxxxxxxxxx"), &mut taken, &()).expect("slow, but it comes");
}

pub(crate) fn words(test: &TestHost) {
    let client = client(test);
    let told = |server: &Hostile| {
        let failure = Failure::from(client.repository(&server.image()).manifest(&latest()).expect_err("refused"));
        (
            failure.message.replace(&server.address, "HOST"),
            failure.hint.unwrap_or_default().replace(&server.address, "HOST"),
        )
    };
    let with = |status: u16, body: &'static str| Hostile::start(move |_| say(status, &[], body.as_bytes()));
    let said = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
    assert_eq!(
        told(&with(404, said)),
        (
            "pull manifest latest of HOST/x: it is not there: manifest unknown".to_owned(),
            "look at its spelling; what is private is not there for strangers".to_owned()
        )
    );
    let (message, hint) = told(&with(401, r#"{"errors":[{"code":"UNAUTHORIZED"}]}"#));
    assert!(message.ends_with(": unauthorized") && hint == "conex login HOST", "{message} {hint}");
    let (message, _) = told(&with(403, "\u{1b}[2J\u{7}no\nway"));
    assert_eq!(message, "pull manifest latest of HOST/x: HOST does not allow it:  [2J no way");
    let (message, _) = told(&with(418, "<html><body>I am a page</body></html>"));
    assert_eq!(message, "pull manifest latest of HOST/x: HOST answers with status 418");
    for challenge in ["Bearer", "Bearer realm=", "Bearer realm=\"x", "\u{e9}", "=,=", "Bearer realm=\"not a url\""] {
        let server = Hostile::start(move |_| say(401, &[("www-authenticate", challenge)], b""));
        client.repository(&server.image()).manifest(&latest()).expect_err("no way in");
    }
    let refused: Reference = "127.0.0.1:1/x".parse().expect("a reference");
    let failure = Failure::from(client.repository(&refused).manifest(&latest()).expect_err("nobody listens"));
    assert_eq!(
        failure.to_string(),
        "pull manifest latest of 127.0.0.1:1/x: connect to 127.0.0.1:1: ECONNREFUSED (Connection refused)"
    );
    let nowhere: Reference = "no-such-host.invalid/x".parse().expect("a reference");
    let error = client.repository(&nowhere).manifest(&latest()).expect_err("no such host");
    assert!(error.to_string().ends_with("the name no-such-host.invalid can't be resolved"), "{error}");
}
