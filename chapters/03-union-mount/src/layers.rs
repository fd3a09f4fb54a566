//! Layers: directories that are only read, the lowest first. What can't be one is refused in words before anything is
//! made. See overlayfs.rst, "Multiple lower layers".

use std::{
    collections::BTreeMap,
    fs, io,
    os::{
        fd::OwnedFd,
        unix::fs::{FileTypeExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use conex_kernel::{Error, Result};
use conex_namespaces::ContainerId;

use crate::{NAME, directory};

/// How many an overlay has at most, the stub layer among them: the kernel's OVL_MAX_STACK.
pub const LAYERS_MAX: usize = 500;

/// Refuses what the kernel would refuse with an error number, or take and get wrong.
pub(crate) fn check(layers: &[PathBuf]) -> Result<()> {
    let refused = |why: String| Error::refused(NAME, "lay the layers over each other", why);
    match layers.len() {
        0 => return Err(refused("there is none".into())),
        1..=LAYERS_MAX => {}
        count => {
            let why = format!("there are {count}, and the kernel takes {LAYERS_MAX}");
            return Err(refused(why).with_hint("build the image with fewer steps"));
        }
    }
    let mut known = BTreeMap::new();
    for layer in layers {
        let found = directory_of(layer)?;
        if let Some(other) = known.insert((found.dev(), found.ino()), layer) {
            return Err(refused(format!("{} and {} are the same directory", other.display(), layer.display())));
        }
    }
    Ok(())
}

/// A layer's own directory: a link could be pointed elsewhere meanwhile.
fn directory_of(layer: &Path) -> Result<fs::Metadata> {
    let operation = || format!("use {} as a layer", layer.display());
    let refused = |why: &str| Err(Error::refused(NAME, operation(), why));
    match fs::symlink_metadata(layer) {
        Ok(found) if found.is_dir() => match layer.to_str() {
            // Options are text.
            Some(text) if !text.contains('\n') => Ok(found),
            _ => refused("its name is not text"),
        },
        Ok(found) if found.is_symlink() => refused("it is a symbolic link, not a directory"),
        Ok(found) if found.is_file() => refused("it is a file, not a directory"),
        Ok(found) if found.file_type().is_fifo() => refused("it is a FIFO, not a directory"),
        Ok(_) => refused("it is not a directory"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Error::refused(NAME, operation(), "there is no such directory")
                .with_hint("the layer was removed, or never unpacked: pull the image again"))
        }
        Err(error) => Err(Error::new(NAME, operation(), &error)),
    }
}

/// Refuses layers in which, or in whose parents, a container would write.
pub(crate) fn check_apart(layers: &[PathBuf], containers: &Path, id: &ContainerId) -> Result<()> {
    if containers.to_str().is_none() {
        let operation = format!("use {} for what is written", containers.display());
        return Err(Error::refused(NAME, operation, "its name is not text"));
    }
    let own = fs::canonicalize(containers).unwrap_or_else(|_| containers.to_owned()).join(id.as_str());
    apart(&layers.iter().cloned().chain([own]).collect::<Vec<_>>())
}

/// Refuses directories of which one lies inside another: the kernel says ELOOP, or worse, nothing.
fn apart(directories: &[PathBuf]) -> Result<()> {
    let whole = |path: &PathBuf| fs::canonicalize(path).unwrap_or_else(|_| path.clone());
    let mut sorted: Vec<PathBuf> = directories.iter().map(whole).collect();
    // Whatever lies in a directory comes right after it.
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[1].starts_with(&pair[0])) {
        None => Ok(()),
        Some(pair) => {
            let why = format!("{} lies inside {}", pair[1].display(), pair[0].display());
            Err(Error::refused(NAME, "lay the layers over each other", why))
        }
    }
}

/// All, opened, the topmost first.
pub(crate) fn open(layers: &[PathBuf]) -> Result<Vec<OwnedFd>> {
    let open = |layer: &PathBuf| {
        directory::open(layer).map_err(|error| Error::new(NAME, format!("open the layer {}", layer.display()), &error))
    };
    layers.iter().rev().map(open).collect()
}
