//! Registries: where images come from and go to. It deals in bytes, media types and digests; what they mean is the image
//! floor's. Everything blocks, and everything can be shared by threads. See the OCI distribution specification.

mod blob;
mod challenge;
mod client;
mod credentials;
mod endpoint;
mod error;
mod keychain;
mod location;
mod manifest;
mod reference;
mod secret;
mod session;
mod settings;
mod tls;
mod token;
mod transport;
mod trust;
mod upload;
mod verifier;

pub use blob::{Blob, Progress, Sink};
pub use client::{Client, Repository};
pub use conex_image::Digest;
pub use credentials::{Login, Logins};
pub use error::{Error, Reason, Result};
pub use manifest::{ACCEPTED, Served, Stat};
pub use reference::{BadReference, Reference, Version};
pub use secret::Secret;
pub use settings::{Patience, Settings, Sources};
pub use upload::Source;
