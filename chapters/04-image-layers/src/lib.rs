//! Chapter 4, image layers: what makes a container repeatable. An image is a list of layers, each named by the digest of
//! its content and shared by every image that has it.
//!
//! Not here: what images are called, registries, and which blobs are still needed. See the OCI image specification.
//!
//! Exercises: exercise:image.document (`Document::parse`), exercise:image.verify (`verifying`), exercise:image.chain-ids
//! (`ChainId::of`), exercise:image.names (`name`), exercise:image.whiteouts (`growing`), exercise:image.marks (`marks`).

#![forbid(unsafe_code)]

mod archiving;
mod attributes;
mod chain;
mod compression;
pub mod config;
mod copy;
mod descriptor;
mod digest;
mod document;
mod entries;
mod entry;
mod error;
#[doc(hidden)]
pub mod exercises;
mod finish;
mod growing;
mod import;
mod ingest;
mod limits;
mod load;
mod make;
mod maker;
mod marks;
mod name;
mod numbers;
mod open;
mod pax;
mod retain;
mod rights;
mod save;
mod sparse;
mod store;
mod tree;
mod unpack;
mod verifying;

pub use chain::ChainId;
pub use config::Config;
pub use copy::{Owner, Place, pack, unpack};
pub use descriptor::{Descriptor, Platform};
pub use digest::{BadDigest, Digest};
pub use document::{Document, Index, Manifest};
pub use error::{Error, Limit, Result};
pub use ingest::Ingest;
pub use limits::Limits;
pub use load::Named;
pub use make::Layer;
pub use open::open;
pub use retain::size;
pub use store::Store;
pub use unpack::Making;
