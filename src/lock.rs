//! The lock of a container: whoever holds it is in charge of it. The CLI takes it before the container can be seen and
//! hands the descriptor to the shim; a free lock beside a record that is not finished means that the shim died.
//! See flock(2).

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::Path,
};

use crate::{
    failure::{Failure, Result},
    namespaces::ContainerId,
    paths::{self, Paths},
};

/// Held until dropped, in every process that inherited it.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Takes the lock of a new container, whose run directory this makes.
    pub(crate) fn create(paths: &Paths, id: &ContainerId) -> Result<Self> {
        let path = paths.lock(id);
        loop {
            paths::directory(&paths.run(id))?;
            let lock = match open(&path) {
                // Somebody who reconciles took the empty directory for a leftover: make it again.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                other => other.map_err(|error| Failure::io(format_args!("open {}", path.display()), &error))?,
            };
            lock.lock().map_err(|error| Failure::io(format_args!("lock {}", path.display()), &error))?;
            if is_at(&lock, &path) {
                return Ok(Self(lock));
            }
        }
    }

    /// Takes the lock of a container that has a run directory, if nobody has it; `None` if somebody has. One whose maker
    /// died before there was a lock has one from now on.
    pub(crate) fn try_take(paths: &Paths, id: &ContainerId) -> Result<Option<Self>> {
        let path = paths.lock(id);
        let Ok(lock) = open(&path) else { return Ok(None) };
        match lock.try_lock() {
            Ok(()) => Ok(is_at(&lock, &path).then_some(Self(lock))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(Failure::io(format_args!("lock {}", path.display()), &error)),
        }
    }

    /// The descriptor, for the process that shall hold it from now on.
    pub(crate) fn into_descriptor(self) -> OwnedFd {
        self.0.into()
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Whether the file that was locked is still the one that others would lock.
fn is_at(lock: &File, path: &Path) -> bool {
    let inode = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let ours = lock.metadata().map(inode).ok();
    ours.is_some() && ours == fs::metadata(path).map(inode).ok()
}
