//! The stub layer: mount points and empty files, made once and laid on top of every image. What the engine mounts over
//! an image has its target there, so that nothing needs to be made in the container's own layer, nor in one that can't be
//! written to.

use std::{
    ffi::OsString,
    io,
    os::fd::{AsFd, BorrowedFd},
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use conex_kernel::{Error, Result};
use rustix::{
    fs::{Mode, RenameFlags, mkdirat, renameat_with},
    io::Errno,
};

use crate::{NAME, directory, place::full};

/// Directories that are mounted over, and those that files lie in.
const DIRECTORIES: [&str; 4] = ["dev", "etc", "proc", "sys"];

/// Files that are mounted over.
const FILES: [&str; 3] = ["etc/hostname", "etc/hosts", "etc/resolv.conf"];

/// How many this process has begun to make, so that each has a name of its own.
static MADE: AtomicUsize = AtomicUsize::new(0);

/// Makes the stub layer at `path`, unless it is there. Whoever looks sees all of it or none, also if several make it.
pub fn make_stub(path: &Path) -> Result<()> {
    let operation = || format!("make the stub layer {}", path.display());
    let failed = |error: io::Error| full(Error::new(NAME, operation(), &error));
    if path.is_dir() {
        return Ok(());
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Error::refused(NAME, operation(), "it has no name in a directory"));
    };
    let parent = directory::open(parent).map_err(failed)?;
    let mut aside = OsString::from(format!(".making-{}-{}-", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed)));
    aside.push(name);
    let made = make_aside(parent.as_fd(), &aside).and_then(|()| {
        match renameat_with(&parent, &aside, &parent, name, RenameFlags::NOREPLACE) {
            // Somebody else was faster.
            Err(Errno::EXIST) => Ok(()),
            renamed => Ok(renamed?),
        }
    });
    // After a rename there is nothing left of it.
    made.and(directory::remove(parent.as_fd(), &aside)).map_err(failed)
}

fn make_aside(parent: BorrowedFd<'_>, aside: &OsString) -> io::Result<()> {
    // A process of our number may have died here.
    directory::remove(parent, aside)?;
    mkdirat(parent, aside, Mode::RWXU)?;
    fill(directory::open_below(parent, Path::new(aside))?.as_fd())
}

// ANCHOR: stub
/// Makes every mount point in an empty directory, and opens that to all: 0755 and 0644, whatever our umask is.
#[doc(alias = "exercise:overlay.stub")]
pub(crate) fn fill(layer: BorrowedFd<'_>) -> io::Result<()> {
    use rustix::fs::{AtFlags, OFlags, chmodat, openat};

    let (directory, file) = (Mode::from_raw_mode(0o755), Mode::from_raw_mode(0o644));
    for path in DIRECTORIES {
        mkdirat(layer, path, directory)?;
        chmodat(layer, path, directory, AtFlags::empty())?;
    }
    for path in FILES {
        openat(layer, path, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC, file)?;
        chmodat(layer, path, file, AtFlags::empty())?;
    }
    Ok(chmodat(layer, ".", directory, AtFlags::empty())?)
}
// ANCHOR_END: stub
