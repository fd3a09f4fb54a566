//! Directories by descriptor. Layers and uppers are other people's: no name in them is ever followed as a link, and none
//! is looked up by a path of the host. See openat2(2).

use std::{
    ffi::OsStr,
    io,
    os::fd::{AsRawFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

pub(crate) use conex_kernel::directory::names;
use conex_kernel::{Links, directory, open_inside};
use rustix::fs::{CWD, Mode, OFlags, openat};

const READABLE: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Removes `name` and all below it.
pub(crate) fn remove(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
    directory::remove(parent, name).map(drop)
}

/// A directory of the host's.
pub(crate) fn open(path: &Path) -> io::Result<OwnedFd> {
    Ok(openat(CWD, path, READABLE, Mode::empty())?)
}

/// A directory below another; `.` is that one.
pub(crate) fn open_below(root: BorrowedFd<'_>, path: &Path) -> io::Result<OwnedFd> {
    open_inside(root, path, OFlags::RDONLY | OFlags::DIRECTORY, Links::Refuse)
}

/// A path for the calls that take no descriptor; only its last name is not resolved yet.
pub(crate) fn beneath(directory: BorrowedFd<'_>, name: &OsStr) -> PathBuf {
    Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name)
}
