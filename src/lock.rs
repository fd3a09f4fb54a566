//! The lock of a container: whoever holds it is in charge of it. The CLI takes it before the container can be seen and
//! hands the descriptor to the shim; a free lock beside a record that is not finished means that the shim died.
//! See flock(2).

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::ErrorKind,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::Path,
};

use crate::{
    failure::{Failure, Result},
    files,
    namespaces::ContainerId,
    paths::{self, Aside, Paths},
};

/// Held until dropped, in every process that inherited it.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Takes the lock of a new container, whose run directory this makes: aside first, so that none is ever seen without
    /// its lock.
    pub(crate) fn create(paths: &Paths, id: &ContainerId) -> Result<Self> {
        let aside = paths.run_aside(id, Aside::New);
        loop {
            paths::directory(&aside)?;
            match Self::make(paths, id, &aside) {
                Ok(lock) if is_at(&lock, &paths.lock(id)) => return Ok(Self(lock)),
                // Somebody who reconciles took the directory for a leftover: make it again.
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Failure::io(format_args!("lock {}", aside.display()), &error)),
            }
        }
    }

    /// Takes the lock of a container that has ended, whose run directory this makes; `None` if somebody is at it.
    pub(crate) fn create_again(paths: &Paths, id: &ContainerId) -> Result<Option<Self>> {
        let aside = paths.run_aside(id, Aside::New);
        // One without a lock is nobody's: a rename replaces it.
        while !paths.lock(id).exists() {
            paths::directory(&aside)?;
            let made = open(&paths.lock_in(&aside)).and_then(|lock| {
                // Whoever has it now starts it, too, or takes what lies aside for a leftover.
                lock.try_lock()?;
                fs::rename(&aside, paths.run(id))?;
                Ok(lock)
            });
            match made {
                Ok(lock) if is_at(&lock, &paths.lock(id)) => return Ok(Some(Self(lock))),
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::WouldBlock) => {}
                Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {
                    // Others may be at the same; what has files and no lock is a leftover.
                    let _ = files::remove(&aside);
                    if !paths.lock(id).exists() {
                        remove_run(paths, id)?;
                    }
                }
                Err(error) => return Err(Failure::io(format_args!("lock {}", aside.display()), &error)),
            }
        }
        Ok(None)
    }

    /// The descriptor, for the process that shall hold it from now on; we do, too, until this is dropped.
    pub(crate) fn share(&self) -> std::io::Result<OwnedFd> {
        Ok(self.0.try_clone()?.into())
    }

    fn make(paths: &Paths, id: &ContainerId, aside: &Path) -> std::io::Result<File> {
        let lock = open(&paths.lock_in(aside))?;
        lock.lock()?;
        fs::rename(aside, paths.run(id))?;
        Ok(lock)
    }

    /// Takes the lock of a container that has a run directory, if nobody has it; `None` if somebody has, or there is none.
    pub(crate) fn try_take(paths: &Paths, id: &ContainerId) -> Result<Option<Self>> {
        Ok(try_existing(&paths.lock(id))?.map(Self))
    }
}

/// Takes a run directory away, lock and all; not being there is fine.
pub(crate) fn remove_run(paths: &Paths, id: &ContainerId) -> Result<()> {
    let (run, aside) = (paths.run(id), paths.run_aside(id, Aside::Gone));
    loop {
        match fs::rename(&run, &aside) {
            // Of one that was there before, which somebody else is still taking away.
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => files::remove(&aside)?,
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Failure::io(format_args!("take {} away", run.display()), &error));
            }
            _ => return files::remove(&aside),
        }
    }
}

/// Takes a run directory away that lies aside since its maker, or whoever took it away, died.
pub(crate) fn remove_aside(paths: &Paths, directory: &Path, aside: Aside) -> Result<()> {
    let _lock = match aside {
        Aside::New => match try_exclusive(&paths.lock_in(directory)) {
            Ok(Some(lock)) => Some(lock),
            // Its maker lives; or it has its name by now.
            _ => return Ok(()),
        },
        Aside::Gone => None,
    };
    files::remove(directory)
}

/// Waits until nobody else changes a container's record or takes it away; an error if it is gone by then.
pub(crate) fn edit(paths: &Paths, id: &ContainerId) -> Result<File> {
    let path = paths.container(id);
    let directory = File::open(&path).and_then(|directory| directory.lock().map(|()| directory));
    match directory {
        Ok(directory) if is_at(&directory, &path) => Ok(directory),
        Ok(_) => Err(Failure::new(format!("there is no container {}", id.short()))),
        Err(error) => Err(Failure::io(format_args!("lock container {}", id.short()), &error)),
    }
}

/// Holds a file's lock alone until dropped; waits for it.
pub(crate) fn exclusive(path: &Path) -> Result<File> {
    let failed = |error: std::io::Error| Failure::io(format_args!("lock {}", path.display()), &error);
    let file = open(path).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

/// Holds a file's lock alone, if nobody has it now.
pub(crate) fn try_exclusive(path: &Path) -> Result<Option<File>> {
    let failed = |error: std::io::Error| Failure::io(format_args!("lock {}", path.display()), &error);
    let file = open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Holds a file's lock alone, if it is there and nobody has it now.
pub(crate) fn try_existing(path: &Path) -> Result<Option<File>> {
    let Ok(file) = OpenOptions::new().read(true).write(true).open(path) else { return Ok(None) };
    match file.try_lock() {
        Ok(()) => Ok(is_at(&file, path).then_some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(Failure::io(format_args!("lock {}", path.display()), &error)),
    }
}

/// Holds a file's lock together with others that only look, until dropped; waits for it.
pub(crate) fn shared(path: &Path) -> Result<File> {
    let failed = |error: std::io::Error| Failure::io(format_args!("lock {}", path.display()), &error);
    let file = open(path).map_err(failed)?;
    file.lock_shared().map_err(failed)?;
    Ok(file)
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Whether the file that was locked is still the one that others would lock.
pub(crate) fn is_at(lock: &File, path: &Path) -> bool {
    let inode = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let ours = lock.metadata().map(inode).ok();
    ours.is_some() && ours == fs::metadata(path).map(inode).ok()
}
