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
    fs::{AtFlags, Dir, Mode, OFlags, RenameFlags, chmodat, openat, renameat_with, statat, unlinkat},
    io::Errno,
};

use crate::name::is_directory;

/// Removes `name` and all below it, whatever it is; what is not there is removed already. How many bytes its files had.
pub(crate) fn remove(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<u64> {
    let mut bytes = 0;
    let Some(top) = unlink(parent, name, &mut bytes)? else { return Ok(bytes) };
    let mut moved = 0_u64;
    loop {
        let entries = names(top.as_fd())?;
        if entries.is_empty() {
            unlinkat(parent, name, AtFlags::REMOVEDIR)?;
            return Ok(bytes);
        }
        for entry in entries {
            let Some(directory) = unlink(top.as_fd(), &entry, &mut bytes)? else { continue };
            // Its directories come up beside it, so that the tree becomes flat: each is moved once.
            for below in names(directory.as_fd())? {
                if unlink(directory.as_fd(), &below, &mut bytes)?.is_some() {
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

/// Removes what is no directory, and counts its bytes with its last name; gives one that is, opened.
fn unlink(parent: BorrowedFd<'_>, name: &OsStr, bytes: &mut u64) -> io::Result<Option<OwnedFd>> {
    let stat = match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(None),
        stat => stat?,
    };
    if !is_directory(&stat) {
        match unlinkat(parent, name, AtFlags::empty()) {
            Err(Errno::NOENT) => {}
            removed => removed?,
        }
        if stat.st_nlink == 1 {
            *bytes += stat.st_size as u64;
        }
        return Ok(None);
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
