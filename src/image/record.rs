//! What is known of an image: enough to list it without opening a document. One file an image, written once the image is
//! here with all its layers.

use std::{collections::BTreeSet, fs};

use conex_image::{Config, Descriptor, Digest};
use serde::{Deserialize, Serialize};

use crate::{
    failure::{Failure, Result},
    files,
    paths::Paths,
};

/// An image that is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The digest of its config: what docker calls the image's id.
    pub(crate) id: Digest,
    /// Its manifest, in the store.
    pub(crate) manifest: Descriptor,
    /// When it was made, as its config says.
    pub(crate) created: Option<String>,
    /// What its layers take when they are unpacked.
    pub(crate) bytes: u64,
    /// `REPOSITORY@DIGEST` of each place that it came from or went to.
    pub(crate) origins: BTreeSet<String>,
}

impl Record {
    pub(crate) fn new(id: Digest, manifest: Descriptor, config: &Config, bytes: u64) -> Self {
        Self { id, manifest, created: config.created.clone(), bytes, origins: BTreeSet::new() }
    }

    /// The image of this id; `None` if it is not here.
    pub(crate) fn read(paths: &Paths, hex: &str) -> Result<Option<Self>> {
        files::read_json(&paths.image_record(hex))
    }

    /// All images, in no order.
    pub(crate) fn all(paths: &Paths) -> Result<Vec<Self>> {
        hexes(paths)?.iter().filter_map(|hex| Self::read(paths, hex).transpose()).collect()
    }

    pub(crate) fn write(&self, paths: &Paths) -> Result<()> {
        let bytes = serde_json::to_vec(self).map_err(|error| Failure::new(format!("write an image down: {error}")))?;
        files::write(&paths.image_record(self.id.hex()), &bytes, 0o600)
    }

    pub(crate) fn remove(&self, paths: &Paths) -> Result<()> {
        files::remove(&paths.image_record(self.id.hex()))
    }
}

/// The ids of all images, without `sha256:`.
pub(crate) fn hexes(paths: &Paths) -> Result<Vec<String>> {
    let directory = paths.image_records();
    let entries = fs::read_dir(&directory).map_err(|error| Failure::io(directory.display(), &error))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names.filter_map(|name| Some(name.strip_suffix(".json")?.to_owned())).collect())
}
