//! From an archive to a root in one step, for whoever has nothing but a file.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use crate::{Error, Limits, Platform, Result, Store, error::Doing};

/// The directories of the layers of the image in an archive, the lowest first; `place` gets a store. A directory is a
/// layer as it is.
pub fn open(image: &Path, place: &Path) -> Result<Vec<PathBuf>> {
    if image.is_dir() {
        return Ok(vec![image.to_owned()]);
    }
    let archive = File::open(image).doing(|| format!("open {}", image.display()))?;
    let (store, limits) = (Store::open(&place.join("images"), &place.join("layers"))?, Limits::default());
    let images = store.load(archive, &limits)?;
    let [only] = images.as_slice() else {
        return Err(Error::Archive(format!("it holds {} images, not one", images.len())));
    };
    let (manifest, config) = store.image(&only.manifest, &Platform::here())?;
    store.unpack(&manifest, &config, &limits)
}
