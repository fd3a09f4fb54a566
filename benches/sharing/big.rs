//! A layer of one big file, kept beside the Debian root.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

pub(crate) const BYTES: u64 = 64 << 20;

/// Its name in the layer and in a container's root.
pub(crate) const FILE: &str = "big";

pub(crate) fn make(directory: &Path) -> io::Result<PathBuf> {
    let layer = directory.join("big");
    fs::create_dir_all(&layer)?;
    let file = layer.join(FILE);
    if !file.metadata().is_ok_and(|metadata| metadata.len() == BYTES) {
        fs::write(&file, vec![1; BYTES as usize])?;
    }
    Ok(layer)
}
