//! `Document::parse`.

use conex_image::{Descriptor, Document};
use testkit::{Case, TestHost, saw};

pub(crate) const CASES: &[Case] = &[
    Case::exercise("image.document: docker's and OCI's are read as what they are", read),
    Case::exercise("image.document: what could be taken for both is refused", both),
    Case::exercise("image.document: what calls itself something else is refused", itself),
    Case::exercise("image.document: what has no list, or another version, is refused", neither),
];

const MANIFESTS: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];
const INDEXES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];

/// A document's text with these fields, in which ONE stands for a descriptor.
fn text(fields: &str) -> String {
    let descriptor = serde_json::to_string(&Descriptor::of("any", b"content")).expect("json");
    format!("{{{}}}", fields.replace("ONE", &descriptor))
}

/// What it was read as, in a word; it is told.
fn parsed(media_type: &str, text: &str) -> &'static str {
    let found = match Document::parse(media_type, text.as_bytes()) {
        Ok(Document::Manifest(_)) => "a manifest",
        Ok(Document::Index(_)) => "an index",
        Err(_) => "refused",
    };
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).expect("json");
    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
    saw(&format!("served as …{}, with {}: {found}", &media_type[15..], names.join(", ")));
    found
}

fn read(_: &TestHost) {
    for media_type in MANIFESTS {
        for own in ["", &format!(r#", "mediaType": "{media_type}""#)] {
            let text = text(&format!(r#""schemaVersion": 2, "config": ONE, "layers": [ONE, ONE]{own}"#));
            assert_eq!(parsed(media_type, &text), "a manifest");
        }
    }
    for media_type in INDEXES {
        for own in ["", &format!(r#", "mediaType": "{media_type}""#)] {
            let text = text(&format!(r#""schemaVersion": 2, "manifests": [ONE]{own}"#));
            assert_eq!(parsed(media_type, &text), "an index");
        }
    }
}

fn both(_: &TestHost) {
    let text = text(r#""schemaVersion": 2, "config": ONE, "layers": [ONE], "manifests": [ONE]"#);
    for media_type in MANIFESTS.into_iter().chain(INDEXES) {
        assert_eq!(parsed(media_type, &text), "refused");
    }
}

fn itself(_: &TestHost) {
    let named = |own: &str, rest: &str| text(&format!(r#""schemaVersion": 2, "mediaType": "{own}", {rest}"#));
    for (served, own) in [(MANIFESTS[0], INDEXES[0]), (MANIFESTS[0], MANIFESTS[1]), (MANIFESTS[1], "text/html")] {
        assert_eq!(parsed(served, &named(own, r#""config": ONE, "layers": [ONE]"#)), "refused");
    }
    for (served, own) in [(INDEXES[0], MANIFESTS[0]), (INDEXES[1], INDEXES[0])] {
        assert_eq!(parsed(served, &named(own, r#""manifests": [ONE]"#)), "refused");
    }
}

fn neither(_: &TestHost) {
    let (manifest, index) = (r#""config": ONE, "layers": [ONE]"#, r#""manifests": [ONE]"#);
    let of_version = |version: u8, rest: &str| text(&format!(r#""schemaVersion": {version}, {rest}"#));
    for version in [1, 3] {
        assert_eq!(parsed(MANIFESTS[0], &of_version(version, manifest)), "refused");
        assert_eq!(parsed(INDEXES[0], &of_version(version, index)), "refused");
    }
    assert_eq!(parsed(MANIFESTS[0], &of_version(2, index)), "refused");
    assert_eq!(parsed(INDEXES[1], &of_version(2, manifest)), "refused");
    assert_eq!(parsed("application/json", &of_version(2, manifest)), "refused");
    assert_eq!(parsed("application/json", &of_version(2, index)), "refused");
    let cut = text(manifest);
    assert!(Document::parse(MANIFESTS[0], &cut.as_bytes()[..cut.len() - 1]).is_err(), "it is cut off");
}
