//! Chapter 4, image layers: what makes a container repeatable. An image is a list of layers, each named by the digest of
//! its content and shared by every image that has it.

#![forbid(unsafe_code)]

mod digest;

pub use digest::{BadDigest, Digest};
