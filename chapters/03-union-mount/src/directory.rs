//! Directories by descriptor. Layers and uppers are other people's: no name in them is ever followed as a link, and none
//! is looked up by a path of the host. See openat2(2).

use std::{
    ffi::{OsStr, OsString},
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use conex_kernel::{Links, open_inside};
use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, chmodat, openat, renameat, unlinkat},
    io::Errno,
};

const READABLE: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

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

/// The names in a directory, sorted.
pub(crate) fn names(directory: BorrowedFd<'_>) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name != "." && name != ".." {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// How deep one walk goes: what lies deeper is moved up first, so that no tree takes all our descriptors.
const DEPTH_MAX: usize = 64;

/// Removes `name` and all below it, whatever it is; what is not there is removed already.
pub(crate) fn remove(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
    let mut walk = Removal { top: parent, deep: Vec::new(), count: 0 };
    walk.remove(parent, name, 0)?;
    while let Some(name) = walk.deep.pop() {
        walk.remove(parent, &name, 0)?;
    }
    Ok(())
}

struct Removal<'a> {
    top: BorrowedFd<'a>,
    deep: Vec<OsString>,
    count: usize,
}

impl Removal<'_> {
    fn remove(&mut self, parent: BorrowedFd<'_>, name: &OsStr, depth: usize) -> io::Result<()> {
        match unlinkat(parent, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(errno) => return Err(errno.into()),
        }
        if depth == DEPTH_MAX {
            let aside = OsString::from(format!(".conex-removed-{}", self.count));
            self.count += 1;
            renameat(parent, name, self.top, &aside)?;
            self.deep.push(aside);
            return Ok(());
        }
        let directory = open_any(parent, name)?;
        for entry in names(directory.as_fd())? {
            self.remove(directory.as_fd(), &entry, depth + 1)?;
        }
        Ok(unlinkat(parent, name, AtFlags::REMOVEDIR)?)
    }
}

/// Opens a directory whatever its mode, if it is ours.
fn open_any(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<OwnedFd> {
    let owner = Mode::RWXU;
    let opened = openat(parent, name, READABLE, Mode::empty());
    if opened.as_ref().is_ok_and(|opened| mode(opened).is_some_and(|mode| mode.contains(owner))) {
        return Ok(opened?);
    }
    // Not by its path: between a look and a change it could become a link.
    let found =
        openat(parent, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let path = Path::new("/proc/self/fd").join(found.as_raw_fd().to_string());
    chmodat(CWD, &path, owner, AtFlags::empty())?;
    Ok(openat(parent, name, READABLE, Mode::empty())?)
}

fn mode(directory: &OwnedFd) -> Option<Mode> {
    let stat = rustix::fs::fstat(directory).ok()?;
    (FileType::from_raw_mode(stat.st_mode) == FileType::Directory).then(|| Mode::from_raw_mode(stat.st_mode))
}
