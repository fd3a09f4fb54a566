//! Removes a tree that strangers made: however deep it is, it takes neither our stack nor our descriptors, and no link
//! in it is followed. See unlinkat(2), renameat2(2).

use std::{
    ffi::{OsStr, OsString},
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
};

use rustix::{
    fs::{AtFlags, Dir, Mode, OFlags, RenameFlags, chmodat, openat, renameat_with, unlinkat},
    io::Errno,
};

/// Removes `name` and all below it, whatever it is; what is not there is removed already.
pub(crate) fn remove(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
    let Some(top) = unlink(parent, name)? else { return Ok(()) };
    let mut moved = 0_u64;
    loop {
        let entries = names(top.as_fd())?;
        if entries.is_empty() {
            return Ok(unlinkat(parent, name, AtFlags::REMOVEDIR)?);
        }
        for entry in entries {
            let Some(directory) = unlink(top.as_fd(), &entry)? else { continue };
            // Its directories come up beside it, so that the tree becomes flat: each is moved once.
            for below in names(directory.as_fd())? {
                if unlink(directory.as_fd(), &below)?.is_some() {
                    move_up(directory.as_fd(), &below, top.as_fd(), &mut moved)?;
                }
            }
            unlinkat(&top, &entry, AtFlags::REMOVEDIR)?;
        }
    }
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

/// Removes what is no directory; gives one that is, opened.
fn unlink(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<Option<OwnedFd>> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(None),
        Err(Errno::ISDIR) => {}
        Err(errno) => return Err(errno.into()),
    }
    // A user's own directory may be closed to him.
    chmodat(parent, name, Mode::RWXU, AtFlags::empty())?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(Some(openat(parent, name, flags, Mode::empty())?))
}

fn move_up(from: BorrowedFd<'_>, name: &OsStr, top: BorrowedFd<'_>, moved: &mut u64) -> io::Result<()> {
    loop {
        *moved += 1;
        match renameat_with(from, name, top, format!("moved-{moved}"), RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => {}
            renamed => return Ok(renamed?),
        }
    }
}
