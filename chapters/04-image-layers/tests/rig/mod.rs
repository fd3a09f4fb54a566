//! What the tests of chapter 4 share: archives made by hand, images made of them, and what a tree looks like.

#![allow(dead_code, unused_imports, reason = "each target uses what it needs")]

mod tree;

use std::{
    fs,
    io::Write,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use conex_image::{Config, Descriptor, Digest, Error, Limits, Manifest, Platform, Store, config::RootFs};
use tar::{EntryType, Header};
use testkit::TestHost;
pub(crate) use tree::{attributes, look, overlaid, same, seen};

pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A tar archive that is made by hand, so that it may be as wrong as a test likes.
#[derive(Clone, Default)]
pub(crate) struct Tape(Vec<u8>);

impl Tape {
    pub(crate) fn file(self, name: &str, content: &str) -> Self {
        self.entry(EntryType::Regular, name, "", content.as_bytes())
    }

    pub(crate) fn directory(self, name: &str) -> Self {
        self.entry(EntryType::Directory, name, "", b"")
    }

    pub(crate) fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(EntryType::Symlink, name, target, b"")
    }

    pub(crate) fn hard_link(self, name: &str, target: &str) -> Self {
        self.entry(EntryType::Link, name, target, b"")
    }

    pub(crate) fn entry(self, kind: EntryType, name: &str, target: &str, content: &[u8]) -> Self {
        self.header(kind, name, content, |header| {
            header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        })
    }

    /// Any entry, with a header that `change` may change before its sum is taken.
    pub(crate) fn header(mut self, kind: EntryType, name: &str, content: &[u8], change: impl Fn(&mut Header)) -> Self {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000_000_000);
        header.set_size(content.len() as u64);
        change(&mut header);
        header.set_cksum();
        self.0.extend(header.as_bytes());
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// An extended header with these records.
    pub(crate) fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let mut content = Vec::new();
        for (key, value) in records {
            let bare = key.len() + value.len() + 3;
            let length = (bare..).find(|length| bare + length.to_string().len() == *length).expect("a length");
            content.extend(format!("{length} {key}=").bytes().chain(value.iter().copied()).chain([b'\n']));
        }
        self.entry(EntryType::XHeader, "pax", "", &content)
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

/// A store of the test host's.
pub(crate) fn store(test: &TestHost, name: &str) -> Store {
    let place = test.directory(name);
    Store::open(&place.join("images"), &place.join("layers")).expect("a store")
}

pub(crate) fn layers(test: &TestHost, name: &str) -> PathBuf {
    test.directory(name).join("layers")
}

/// An image of these layers, in the store.
pub(crate) fn image(store: &Store, layers: &[Vec<u8>]) -> (Manifest, Config) {
    let blobs: Vec<_> = layers.iter().map(|layer| put(store, LAYER, layer)).collect();
    image_of(store, blobs, layers.iter().map(|layer| Digest::of(layer)).collect())
}

pub(crate) fn image_of(store: &Store, layers: Vec<Descriptor>, diff_ids: Vec<Digest>) -> (Manifest, Config) {
    let Platform { architecture, os, .. } = Platform::here();
    let rootfs = RootFs { kind: "layers".into(), diff_ids };
    let config = Config { architecture, os, rootfs, ..Config::default() };
    let bytes = serde_json::to_vec(&config).expect("json");
    (Manifest::new(store.put(CONFIG, &bytes).expect("stored"), layers), config)
}

pub(crate) fn put(store: &Store, media_type: &str, bytes: &[u8]) -> Descriptor {
    let mut ingest = store.ingest(&Descriptor::of(media_type, bytes)).expect("begun");
    ingest.write_all(bytes).expect("written");
    ingest.finish().expect("stored")
}

pub(crate) fn unpack(store: &Store, layers: &[Vec<u8>]) -> Result<Vec<PathBuf>, Error> {
    let (manifest, config) = image(store, layers);
    store.unpack(&manifest, &config, &Limits::default())
}

/// The one layer of an image that is as it should be.
#[track_caller]
pub(crate) fn unpacked(store: &Store, tape: Tape) -> PathBuf {
    unpack(store, &[tape.end()]).unwrap_or_else(|error| panic!("{error}")).remove(0)
}

/// What is in a directory of layers: nothing half-made.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

pub(crate) fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn is_whiteout(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.mode() & libc::S_IFMT == libc::S_IFCHR && found.rdev() == 0)
}

pub(crate) fn is_opaque(path: &Path) -> bool {
    let marks = attributes(path);
    ["trusted.overlay.opaque", "user.overlay.opaque"]
        .iter()
        .any(|key| marks.get(*key).is_some_and(|value| value == b"y"))
}
