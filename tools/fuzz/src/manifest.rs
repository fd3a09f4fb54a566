//! Any bytes as a manifest, an index or a config: read as one of them at most, kept as they came, and what was understood
//! is the same when it is written and read again. See the OCI image specification, manifest.md, image-index.md, config.md.

use conex_image::{Config, Descriptor, Document, Platform};
use serde::Serialize;
use serde_json::Value;

use crate::place::{Place, descriptors};

const MANIFESTS: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];
const INDEXES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

pub(crate) fn run(place: &Place, bytes: &[u8]) {
    let manifest = MANIFESTS.map(|media_type| check_document(place, media_type, bytes));
    let index = INDEXES.map(|media_type| check_document(place, media_type, bytes));
    // CVE-2021-41190.
    assert!(!(manifest.contains(&true) && index.contains(&true)), "it is a manifest and an index");
    let config = check_config(place, bytes);
    if manifest.contains(&true) || index.contains(&true) || config {
        place.clear();
    }
}

/// Whether they are such a document.
fn check_document(place: &Place, media_type: &str, bytes: &[u8]) -> bool {
    let Ok(document) = Document::parse(media_type, bytes) else { return false };
    let written = match &document {
        Document::Manifest(manifest) => {
            assert!(MANIFESTS.contains(&media_type));
            manifest.layers.iter().chain([&manifest.config]).for_each(check_descriptor);
            written(manifest)
        }
        Document::Index(index) => {
            assert!(INDEXES.contains(&media_type));
            index.manifests.iter().for_each(check_descriptor);
            let here = Platform::here();
            if let Ok(chosen) = index.choose(&here) {
                assert!(chosen.platform.as_ref().is_none_or(|found| found.architecture == here.architecture));
            }
            written(index)
        }
    };
    let again = match Document::parse(media_type, &written).expect("what was read can be written and read") {
        Document::Manifest(manifest) => self::written(&manifest),
        Document::Index(index) => self::written(&index),
    };
    same(&written, &again);
    check_kept(place, media_type, bytes);
    true
}

fn check_config(place: &Place, bytes: &[u8]) -> bool {
    let Ok(config) = Config::parse(bytes) else { return false };
    let written = written(&config);
    let again = Config::parse(&written).expect("what was read can be written and read");
    assert_eq!(config.rootfs.diff_ids, again.rootfs.diff_ids);
    same(&written, &self::written(&again));
    check_kept(place, CONFIG, bytes);
    true
}

/// A digest must be fit for the name of a file.
fn check_descriptor(descriptor: &Descriptor) {
    let digest = descriptor.digest.to_string();
    let hex = digest.strip_prefix("sha256:").unwrap_or_default();
    assert!(hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{digest}");
}

/// The store has the bytes that came, not those that we would write.
fn check_kept(place: &Place, media_type: &str, bytes: &[u8]) {
    let before = descriptors();
    let blob = place.store.put(media_type, bytes).expect("stored");
    assert_eq!(blob, Descriptor::of(media_type, bytes));
    assert_eq!(place.store.read(&blob).expect("it is there"), bytes);
    // Whatever it names is not there, so only a manifest is found, and that as it was read.
    if let Ok((named, manifest)) = place.store.manifest(&blob, &Platform::here()) {
        let read = Document::parse(&named.media_type, bytes);
        assert!(named == blob && matches!(read, Ok(Document::Manifest(read)) if read.config == manifest.config));
    }
    assert_eq!(descriptors(), before, "a descriptor stayed open");
}

fn written(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).expect("it can be written")
}

/// Panics if these differ, but for fractions: the last digit of one that nobody knows is not kept.
fn same(one: &[u8], other: &[u8]) {
    let value = |bytes| without_fractions(serde_json::from_slice(bytes).expect("it is JSON"));
    assert_eq!(value(one), value(other), "written and read again, it is another");
}

fn without_fractions(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => Value::Null,
        Value::Array(values) => values.into_iter().map(without_fractions).collect(),
        Value::Object(values) => values.into_iter().map(|(key, value)| (key, without_fractions(value))).collect(),
        value => value,
    }
}
