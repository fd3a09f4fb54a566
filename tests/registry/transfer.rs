//! What is pushed and pulled, with the registry killed in between, and beside skopeo.

use std::{
    fs,
    io::{self, Read},
    sync::Mutex,
    thread,
    time::Duration,
};

use conex::registry::{Digest, Progress, Source, Version};
use testkit::{TestHost, say as report};

use crate::{
    hostile::{Hostile, digest, say},
    image::{Image, MANIFEST, blob, noise},
    server::{Server, client, reference, skopeo},
};

const ADDRESS: &str = "127.0.0.1:5000";

pub(crate) fn push(test: &TestHost) {
    let _server = Server::start(test, ADDRESS);
    let (client, image) = (client(test), Image::new(3_000_000));
    image.push(&client.repository(&reference("127.0.0.1:5000/a/b")), "v1");
    let place = test.directory("pulled");
    let to = format!("dir:{}", place.display());
    skopeo(test, &["copy", "--src-tls-verify=false", "docker://127.0.0.1:5000/a/b:v1", &to]);
    let file = |name: &str| fs::read(place.join(name)).expect("skopeo wrote it");
    assert_eq!(file("manifest.json"), image.manifest);
    for bytes in [&image.config, &image.layer] {
        assert!(file(Digest::of(bytes).hex()) == *bytes);
    }
}

pub(crate) fn pull(test: &TestHost) {
    let _server = Server::start(test, ADDRESS);
    let (client, image) = (client(test), Image::new(1_000_000));
    // Method: skopeo reads a directory in its own format, and pushes it.
    let place = test.directory("pushed");
    let write = |name: &str, bytes: &[u8]| fs::write(place.join(name), bytes).expect("written");
    write("version", b"Directory Transport Version: 1.1\n");
    write("manifest.json", &image.manifest);
    [&image.config, &image.layer].iter().for_each(|bytes| write(Digest::of(bytes).hex(), bytes));
    let from = format!("dir:{}", place.display());
    skopeo(test, &["copy", "--preserve-digests", "--dest-tls-verify=false", &from, "docker://127.0.0.1:5000/c:v1"]);
    let repository = client.repository(&reference("127.0.0.1:5000/c"));
    let tag = Version::Tag("v1".to_owned());
    let stat = repository.stat(&tag).expect("it is there");
    assert_eq!((stat.media_type.as_str(), stat.size_bytes), (MANIFEST, Some(image.manifest.len() as u64)));
    let served = repository.manifest(&tag).expect("it is there");
    assert_eq!((&served.bytes, served.media_type.as_str()), (&image.manifest, MANIFEST));
    assert_eq!(stat.digest, Some(served.digest.clone()));
    let again = repository.manifest(&Version::Digest(served.digest.clone())).expect("it is there by its digest, too");
    assert_eq!(again, served);
    assert_eq!(repository.small_blob(&blob(&image.config)).expect("a config"), image.config);
    let mut layer = Vec::new();
    repository.blob(&blob(&image.layer), &mut layer, &()).expect("a layer");
    assert!(layer == image.layer);
    assert!(repository.has_blob(&blob(&image.layer).digest).expect("an answer"));
    assert!(!repository.has_blob(&Digest::of(b"other")).expect("an answer"));
}

pub(crate) fn mount(test: &TestHost) {
    let _server = Server::start(test, ADDRESS);
    let (client, image) = (client(test), Image::new(1000));
    image.push(&client.repository(&reference("127.0.0.1:5000/from")), "v1");
    let other = client.repository(&reference("127.0.0.1:5000/to"));
    let digest = Digest::of(&image.layer);
    assert!(!other.has_blob(&digest).expect("an answer"));
    assert!(other.mount_blob(&digest, "from").expect("an answer"));
    assert!(other.has_blob(&digest).expect("an answer"));
    assert!(!other.mount_blob(&Digest::of(b"nowhere"), "from").expect("an answer, and no upload left open"));
}

/// Restarts a server once, when a transfer is half done.
struct Killer<'a> {
    server: Mutex<(&'a mut Server, u64)>,
}

impl Progress for Killer<'_> {
    fn so_far(&self, _: &Digest, bytes: u64) {
        let mut server = self.server.lock().expect("no panic");
        if bytes > server.1 {
            server.1 = u64::MAX;
            server.0.restart();
        }
    }
}

/// More than all buffers on the way together.
const LARGE: usize = 24 << 20;

pub(crate) fn pull_broken(test: &TestHost) {
    let mut server = Server::start(test, ADDRESS);
    let (client, layer) = (client(test), noise(LARGE));
    let repository = client.repository(&reference("127.0.0.1:5000/x"));
    repository.upload_blob(&blob(&layer), &layer, &()).expect("pushed");
    let killer = Killer { server: Mutex::new((&mut server, LARGE as u64 / 3)) };
    let mut pulled = Vec::new();
    repository.blob(&blob(&layer), &mut pulled, &killer).expect("it goes on");
    assert_eq!(killer.server.lock().expect("no panic").1, u64::MAX, "it was killed");
    assert!(pulled == layer);
}

/// Counts how often it was read from the beginning, and what was read in all.
struct Counted<'a> {
    bytes: &'a [u8],
    opened: Mutex<Vec<u64>>,
}

impl Source for Counted<'_> {
    fn open(&self, from: u64) -> io::Result<Box<dyn Read + '_>> {
        self.opened.lock().expect("no panic").push(from);
        Ok(Box::new(&self.bytes[usize::try_from(from).expect("it is in memory")..]))
    }
}

pub(crate) fn push_broken(test: &TestHost) {
    let mut server = Server::start(test, ADDRESS);
    let (client, layer) = (client(test), noise(LARGE));
    let repository = client.repository(&reference("127.0.0.1:5000/x"));
    let source = Counted { bytes: &layer, opened: Mutex::default() };
    let killer = Killer { server: Mutex::new((&mut server, LARGE as u64 / 3)) };
    repository.upload_blob(&blob(&layer), &source, &killer).expect("it goes on");
    report(&format!("figure: pieces began at {:?}", source.opened.lock().expect("no panic")));
    assert!(repository.has_blob(&blob(&layer).digest).expect("an answer"));
    let mut pulled = Vec::new();
    repository.blob(&blob(&layer), &mut pulled, &()).expect("it is there");
    assert!(pulled == layer);
}

/// Two pieces and a bit.
const SIZE: usize = 33 << 20;

/// Method: a server that refuses a large PUT as proxies do, loses the second piece, and then says how far it is.
pub(crate) fn pieces(test: &TestHost) {
    let kept: Mutex<(Vec<u8>, bool)> = Mutex::default();
    let bytes = noise(SIZE);
    let due = digest(&bytes).replace(':', "%3A");
    let server = Hostile::start(move |heard| {
        let mut kept = kept.lock().expect("no panic");
        let range = |kept: &[u8]| format!("0-{}", kept.len().saturating_sub(1));
        match heard.method.as_str() {
            "POST" => say(202, &[("location", "/v2/x/blobs/uploads/1?state=a")], b""),
            "PUT" if !heard.body.is_empty() => say(413, &[], b"<html>too large</html>"),
            "PUT" if heard.path == format!("/v2/x/blobs/uploads/1?state=c&digest={due}") => say(201, &[], b""),
            "PATCH" if kept.0.len() > 1 << 20 && !kept.1 => {
                kept.1 = true;
                kept.0.extend(&heard.body[..1000]);
                say(502, &[], b"")
            }
            "PATCH" => {
                let from: usize =
                    heard.header("content-range").split('-').next().unwrap_or_default().parse().unwrap_or(0);
                if from != kept.0.len() {
                    return say(416, &[("location", "/v2/x/blobs/uploads/1?state=b"), ("range", &range(&kept.0))], b"");
                }
                kept.0.extend(&heard.body);
                say(202, &[("location", "/v2/x/blobs/uploads/1?state=c"), ("range", &range(&kept.0))], b"")
            }
            "GET" => say(204, &[("location", "/v2/x/blobs/uploads/1?state=b"), ("range", &range(&kept.0))], b""),
            _ => say(404, &[], b""),
        }
    });
    let repository = client(test);
    let repository = repository.repository(&server.image());
    repository.upload_blob(&blob(&bytes), &bytes, &()).expect("pushed in pieces");
    let patches: Vec<String> = server
        .heard()
        .iter()
        .filter(|heard| heard.method == "PATCH")
        .map(|heard| heard.header("content-range").to_owned())
        .collect();
    let piece = 16 << 20;
    let from = [(0, piece), (piece, 2 * piece), (piece + 1000, 2 * piece + 1000), (2 * piece + 1000, SIZE)];
    assert_eq!(patches, from.map(|(from, to)| format!("{from}-{}", to - 1)));
}

pub(crate) fn threads(test: &TestHost) {
    let _server = Server::start(test, ADDRESS);
    let client = client(test);
    let repository = client.repository(&reference("127.0.0.1:5000/x"));
    let layers: Vec<Vec<u8>> = (1..=8).map(|count| noise(count * 1_000_000)).collect();
    thread::scope(|scope| {
        for layer in &layers {
            scope.spawn(|| repository.upload_blob(&blob(layer), layer, &()).expect("pushed"));
        }
    });
    let started = std::time::Instant::now();
    thread::scope(|scope| {
        for layer in &layers {
            scope.spawn(|| {
                let mut pulled = Vec::new();
                repository.blob(&blob(layer), &mut pulled, &()).expect("pulled");
                assert!(pulled == *layer);
            });
        }
    });
    report(&format!("figure: 36 MB in 8 blobs in {:?}", started.elapsed()));
    assert!(started.elapsed() < Duration::from_secs(60));
}
