//! A container's own directory: what it wrote, and where that is prepared. Named by its id alone.

use std::{
    fs::{self, DirBuilder},
    io,
    os::{fd::AsFd, unix::fs::DirBuilderExt},
    path::{Path, PathBuf},
};

use conex_kernel::{Error, Result};
use conex_namespaces::ContainerId;
use rustix::{fs::unlinkat, io::Errno};

use crate::{NAME, directory};

/// What becomes of what a container wrote when it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It goes: the container's directory is the part's own, and must be new.
    Nothing,
    /// It stays, for the next start, until somebody else removes the container's directory.
    Writes,
}

/// The directory of one container.
pub(crate) struct Place {
    directory: PathBuf,
    keep: Keep,
}

/// What a place may hold that is ours.
pub(crate) const UPPER: &str = "upper";
pub(crate) const WORK: &str = "work";
pub(crate) const ROOTFS: &str = "rootfs";
pub(crate) const COPYING: &str = "rootfs.copying";

impl Place {
    pub(crate) fn new(containers: &Path, id: &ContainerId, keep: Keep) -> Self {
        Self { directory: containers.join(id.as_str()), keep }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Makes the container's directory, where it is not there or has to be new.
    pub(crate) fn make(&self) -> Result<()> {
        match DirBuilder::new().mode(0o700).create(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && self.keep == Keep::Writes => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Error::refused(NAME, format!("make {}", self.directory.display()), "it is there already")
                    .with_hint("a container of this id was not cleaned up; what is in it goes now"))
            }
            made => made.map_err(|error| self.failed("", &error)),
        }
    }

    /// Makes one of the directories in it; whether it is new.
    pub(crate) fn make_directory(&self, name: &str, mode: u32) -> Result<bool> {
        match DirBuilder::new().mode(mode).create(self.path(name)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(self.failed(name, &error)),
        }
    }

    /// An error about making one of them.
    fn failed(&self, name: &str, error: &io::Error) -> Error {
        full(Error::new(NAME, format!("make {}", self.path(name).display()), error))
    }

    /// Refuses a work directory with anything in it but what an overlay leaves there.
    pub(crate) fn check_work(&self) -> Result<()> {
        let path = self.path(WORK);
        let entries = fs::read_dir(&path).map_err(|error| self.failed(WORK, &error))?;
        let mut names = entries.flatten().map(|entry| entry.file_name());
        match names.find(|name| !LEFT_IN_WORK.iter().any(|known| name == known)) {
            None => Ok(()),
            Some(name) => {
                let why = format!("it is not empty: {} is in it", name.display());
                Err(Error::refused(NAME, format!("use {} for an overlay's work", path.display()), why))
            }
        }
    }

    /// Removes one of them and all in it.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        let removed = directory::open(&self.directory).and_then(|own| directory::remove(own.as_fd(), name.as_ref()));
        removed.map_err(|error| Error::new(NAME, format!("remove {}", self.path(name).display()), &error))
    }

    /// Removes what a start needs and nobody else; and, if nothing is kept, all. An upper without anything in it goes, too,
    /// where `is_bare` says that it tells nothing itself.
    pub(crate) fn clean_up(&self, is_bare: impl Fn(&Path) -> bool) -> Result<()> {
        let failed = |error: io::Error| Error::new(NAME, format!("remove {}", self.directory.display()), &error);
        let opened = match directory::open(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(failed)?,
        };
        let remove = |name: &str| directory::remove(opened.as_fd(), name.as_ref()).map_err(failed);
        remove(COPYING)?;
        if let Ok(work) = directory::open(&self.path(WORK)) {
            LEFT_IN_WORK.iter().try_for_each(|name| directory::remove(work.as_fd(), name.as_ref())).map_err(failed)?;
        }
        if self.keep == Keep::Nothing {
            [UPPER, ROOTFS].into_iter().try_for_each(remove)?;
        }
        remove_empty(opened.as_fd(), WORK).map_err(failed)?;
        if is_bare(&self.path(UPPER)) {
            remove_empty(opened.as_fd(), UPPER).map_err(failed)?;
        }
        remove_empty(rustix::fs::CWD, &self.directory).map_err(failed)
    }
}

/// The kernel's names in a work directory.
const LEFT_IN_WORK: [&str; 3] = ["work", "index", "incompat"];

fn remove_empty(parent: std::os::fd::BorrowedFd<'_>, name: impl AsRef<Path>) -> io::Result<()> {
    match unlinkat(parent, name.as_ref(), rustix::fs::AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::NOTDIR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Adds advice to an error of a disk that is full.
pub(crate) fn full(error: Error) -> Error {
    match error.errno() {
        Some(libc::ENOSPC) => error.with_hint("the disk is full, or has no inodes left: df -h; df -i"),
        Some(libc::EDQUOT) => error.with_hint("the quota is used up"),
        _ => error,
    }
}
