//! Directories that strangers filled: what is in one, and how it is removed, by descriptor and however deep it is. No
//! name in them is ever followed as a link. Ordinary files, and so no operations. See unlinkat(2), renameat2(2).

use std::{
    ffi::{OsStr, OsString},
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, chmodat, openat, renameat_with, statat, unlinkat},
    io::Errno,
};

const READABLE: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The names in a directory, sorted.
pub fn names(directory: BorrowedFd<'_>) -> io::Result<Vec<OsString>> {
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

/// How deep one walk goes: what lies deeper is moved up first, so that no tree takes all our descriptors or our stack.
const DEPTH_MAX: usize = 64;

/// Removes `name` and all below it, whatever it is; what is not there is removed already. How many bytes its files had.
pub fn remove(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<u64> {
    let mut removing = Removing::default();
    let Some(top) = removing.unlink(parent, name)? else { return Ok(removing.bytes) };
    loop {
        let entries = names(top.as_fd())?;
        if entries.is_empty() {
            remove_empty(parent, name)?;
            return Ok(removing.bytes);
        }
        entries.iter().try_for_each(|entry| removing.below(top.as_fd(), top.as_fd(), entry, 1))?;
    }
}

/// What has been done so far.
#[derive(Default)]
struct Removing {
    bytes: u64,
    moved: usize,
}

impl Removing {
    fn below(&mut self, top: BorrowedFd<'_>, parent: BorrowedFd<'_>, name: &OsStr, depth: usize) -> io::Result<()> {
        let Some(directory) = self.unlink(parent, name)? else { return Ok(()) };
        if depth == DEPTH_MAX {
            return self.move_up(top, parent, name);
        }
        for entry in names(directory.as_fd())? {
            self.below(top, directory.as_fd(), &entry, depth + 1)?;
        }
        remove_empty(parent, name)
    }

    /// Into the topmost directory that is removed: whatever happens to us, it is still below that.
    fn move_up(&mut self, top: BorrowedFd<'_>, parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
        loop {
            self.moved += 1;
            match renameat_with(parent, name, top, format!("moved-{}", self.moved), RenameFlags::NOREPLACE) {
                Err(Errno::EXIST) => {}
                renamed => return Ok(renamed?),
            }
        }
    }

    /// Removes what is no directory, and counts its bytes with its last name; gives one that is, opened.
    fn unlink(&mut self, parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<Option<OwnedFd>> {
        let stat = match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            stat => stat?,
        };
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            return open_any(parent, name).map(Some);
        }
        match unlinkat(parent, name, AtFlags::empty()) {
            Err(Errno::NOENT) => {}
            removed => removed?,
        }
        if stat.st_nlink == 1 {
            self.bytes += u64::try_from(stat.st_size).unwrap_or_default();
        }
        Ok(None)
    }
}

/// Somebody else may be at the same.
fn remove_empty(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
    match unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
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
