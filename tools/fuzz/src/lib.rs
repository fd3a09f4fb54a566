//! What strangers write and conex reads, tried with bytes that nobody wrote: layers, documents, references. A target is a
//! function of bytes that panics when a promise is broken.
//!
//! Not here: where the bytes come from (`main.rs` asks libFuzzer, `tests/corpus.rs` has those that were found), and how
//! it is all built (`cargo xtask fuzz`).

#![forbid(unsafe_code)]

mod archive;
mod extractor;
mod isolation;
mod manifest;
mod mutation;
mod place;
mod reference;
// The file itself: an engine with its client of registries takes minutes to build, and nothing of it is needed.
#[path = "../../../src/registry/reference.rs"]
pub mod registry_reference;
mod tree;

use std::path::Path;

pub use isolation::enter;
pub use mutation::blind;
pub use place::Place;

/// What is tried.
pub enum Target {
    /// The bytes are a layer, packed or not.
    Extractor(Place),
    /// The bytes are a manifest, an index or a config.
    Manifest(Place),
    /// The bytes are the name of an image.
    Reference,
}

impl Target {
    /// The target of this name, if there is one; it may write into `place`, an empty directory, and makes what lies
    /// outside of its own the current directory.
    pub fn open(name: &str, place: &Path) -> Option<Self> {
        Some(match name {
            "extractor" => Self::Extractor(Place::make(place)),
            "manifest" => Self::Manifest(Place::make(place)),
            "reference" => Self::Reference,
            _ => return None,
        })
    }

    /// Tries these bytes; a panic is a finding.
    pub fn run(&self, bytes: &[u8]) {
        match self {
            Self::Extractor(place) => extractor::run(place, bytes),
            Self::Manifest(place) => manifest::run(place, bytes),
            Self::Reference => reference::run(bytes),
        }
    }

    /// Other bytes, at most `most`, made of these; `any` changes bytes without a thought of what they mean.
    pub fn mutate(&self, bytes: &[u8], most: usize, seed: u32, any: impl FnMut(&mut Vec<u8>)) -> Vec<u8> {
        match self {
            Self::Extractor(_) => mutation::of_layer(bytes, most, seed, any),
            Self::Manifest(_) | Self::Reference => mutation::of_bytes(bytes, any),
        }
    }
}
