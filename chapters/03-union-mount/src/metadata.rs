//! Owner, attributes, mode and times of a file, carried over to its copy. See inode(7), xattr(7).

use std::{collections::BTreeMap, ffi::OsStr, io, os::fd::BorrowedFd};

use rustix::{
    fs::{
        AtFlags, FileType, Gid, Mode, Stat, Timespec, Timestamps, Uid, XattrFlags, chmodat, chownat, lgetxattr,
        lgetxattr_query, llistxattr, llistxattr_query, lsetxattr, utimensat,
    },
    io::Errno,
};

use crate::{directory::beneath, marks::Marks};

/// A name in an open directory.
#[derive(Clone, Copy)]
pub(crate) struct Name<'a>(pub(crate) BorrowedFd<'a>, pub(crate) &'a OsStr);

/// Everything that an inode says of itself: the owner first, since a change of it takes setuid bits and capabilities
/// away, and the times last.
pub(crate) fn copy(stat: &Stat, from: Name<'_>, into: Name<'_>, marks: Marks) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    chownat(into.0, into.1, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    copy_attributes(from, into, marks)?;
    copy_mode_and_times(stat, into)
}

/// What needs no rights beyond the file's own.
pub(crate) fn copy_mode_and_times(stat: &Stat, into: Name<'_>) -> io::Result<()> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
        chmodat(into.0, into.1, Mode::from_raw_mode(stat.st_mode), AtFlags::empty())?;
    }
    let time = |seconds, nanoseconds| Timespec { tv_sec: seconds, tv_nsec: nanoseconds as _ };
    let last_access = time(stat.st_atime, stat.st_atime_nsec);
    let last_modification = time(stat.st_mtime, stat.st_mtime_nsec);
    Ok(utimensat(into.0, into.1, &Timestamps { last_access, last_modification }, AtFlags::SYMLINK_NOFOLLOW)?)
}

fn copy_attributes(from: Name<'_>, into: Name<'_>, marks: Marks) -> io::Result<()> {
    let into = beneath(into.0, into.1);
    let set = |(key, value): (&Vec<u8>, &Vec<u8>)| lsetxattr(&into, key.as_slice(), value, XattrFlags::empty());
    Ok(attributes(from, marks)?.iter().try_for_each(set)?)
}

/// All but an overlay's own, which mean nothing in a copy.
pub(crate) fn attributes(of: Name<'_>, marks: Marks) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let path = beneath(of.0, of.1);
    let length = match llistxattr_query(&path) {
        Err(Errno::OPNOTSUPP) => 0,
        length => length?,
    };
    let mut keys = vec![0; length];
    let length = llistxattr(&path, &mut keys)?;
    let keys = keys[..length].split(|byte| *byte == 0).filter(|key| !key.is_empty());
    let valued = |key: &[u8]| {
        let mut value = vec![0; lgetxattr_query(&path, key)?];
        let length = lgetxattr(&path, key, &mut value)?;
        value.truncate(length);
        Ok((key.to_vec(), value))
    };
    keys.filter(|key| !key.starts_with(marks.prefix().as_bytes())).map(valued).collect()
}
