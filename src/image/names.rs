//! What images are called: one file a name, which says the image's id. Changed under one lock, with the layout's own table
//! of contents, which others read.

use std::{collections::BTreeMap, fs};

use conex_image::Digest;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Images, record::Record};
use crate::{
    failure::{Failure, Result},
    files, lock,
    paths::Paths,
    registry::Reference,
};

/// One name.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    /// As users write it, with its tag.
    name: String,
    image: Digest,
}

/// The annotation of a layout's entries that other tools look for.
const NAME: &str = "org.opencontainers.image.ref.name";

/// The image that has a name.
pub(super) fn holder(paths: &Paths, name: &Reference) -> Result<Option<Digest>> {
    let entry: Option<Entry> = files::read_json(&paths.image_name(key(&name.to_string()).hex()))?;
    Ok(entry.map(|entry| entry.image))
}

/// All names, in order, each with its image.
pub(super) fn all(paths: &Paths) -> Result<BTreeMap<String, Digest>> {
    let directory = paths.image_names();
    let entries = fs::read_dir(&directory).map_err(|error| Failure::io(directory.display(), &error))?;
    let hexes = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let hexes = hexes.filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()));
    let read = |hex: String| files::read_json::<Entry>(&paths.image_name(&hex)).transpose();
    hexes.filter_map(read).map(|entry| entry.map(|Entry { name, image }| (name, image))).collect()
}

/// A file's name for a name, which may be longer than a file's name.
fn key(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

impl Images<'_> {
    /// Gives an image a name; another image that has it loses it.
    pub(crate) fn name(&self, record: &Record, name: &Reference) -> Result<()> {
        let _lock = lock::exclusive(&self.paths.image_names_lock())?;
        let entry = Entry { name: name.to_string(), image: record.id.clone() };
        let bytes = serde_json::to_vec(&entry).map_err(|error| Failure::new(format!("write a name: {error}")))?;
        files::write(&self.paths.image_name(key(&entry.name).hex()), &bytes, 0o600)?;
        self.write_index()
    }

    /// Takes names away; those that are not there are gone already.
    pub(super) fn unname(&self, names: &[String]) -> Result<()> {
        let _lock = lock::exclusive(&self.paths.image_names_lock())?;
        names.iter().try_for_each(|name| files::remove(&self.paths.image_name(key(name).hex())))?;
        self.write_index()
    }

    /// What skopeo and others read; we don't.
    fn write_index(&self) -> Result<()> {
        let mut manifests = Vec::new();
        for (name, id) in all(self.paths)? {
            if let Some(record) = self.record(&id)? {
                let mut entry = record.manifest;
                entry.annotations = Some(BTreeMap::from([(NAME.to_owned(), name)]));
                manifests.push(entry);
            }
        }
        let index =
            json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests});
        files::write(&self.paths.images_index(), index.to_string().as_bytes(), 0o600)
    }
}
