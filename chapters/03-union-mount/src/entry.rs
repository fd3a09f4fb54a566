//! What a name in a layer or an upper stands for: something that is there, or something that says what is not.

use std::{ffi::OsStr, io, os::fd::BorrowedFd};

use crate::marks::Marks;

/// What a directory of a layer has under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// Nothing: and it hides what layers below have.
    Whiteout,
    /// Anything but a directory: it covers what is below.
    File,
    /// A directory, merged with those below.
    Directory,
    /// A directory that hides those below.
    OpaqueDirectory,
}

// ANCHOR: whiteouts
/// What `directory` has under `name`; `None` if nothing, so that the next layer is asked.
#[doc(alias = "exercise:overlay.whiteouts")]
pub(crate) fn entry(directory: BorrowedFd<'_>, name: &OsStr, marks: Marks) -> io::Result<Option<Entry>> {
    use rustix::{
        fs::{AtFlags, FileType, statat},
        io::Errno,
    };

    let stat = match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(None),
        stat => stat?,
    };
    let marked = |what, value: &[u8]| Ok::<_, io::Error>(marks.read(directory, name, what)?.as_deref() == Some(value));
    Ok(Some(match FileType::from_raw_mode(stat.st_mode) {
        FileType::CharacterDevice if stat.st_rdev == 0 => Entry::Whiteout,
        // Who may make no devices marks an empty file.
        FileType::RegularFile if stat.st_size == 0 && marked("whiteout", b"y")? => Entry::Whiteout,
        FileType::Directory if marked("opaque", b"y")? => Entry::OpaqueDirectory,
        FileType::Directory => Entry::Directory,
        _ => Entry::File,
    }))
}
// ANCHOR_END: whiteouts
