//! The metadata of a file, written in the one order that keeps it all: a change of owner takes away capabilities and
//! setuid bits, and writing anything changes times. See chown(2), xattr(7), utimensat(2).

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
    path::Path,
};

use rustix::{
    fs::{
        AtFlags, CWD, FileType, Gid, Mode, Timestamps, Uid, XattrFlags, chmodat, chownat, fstat, lgetxattr, llistxattr,
        lsetxattr, setxattr, utimensat,
    },
    io::Errno,
};

use crate::{entry::Metadata, name::Name, rights::Rights};

/// The kernel's XATTR_LIST_MAX and XATTR_SIZE_MAX.
const BYTES_MAX: usize = 1 << 16;

// ANCHOR: metadata
/// Gives a file, which may be a link, its owner, attributes, mode and time.
pub(crate) fn set(name: &Name, metadata: &Metadata, rights: Rights) -> io::Result<()> {
    let (directory, last) = (name.directory(), name.name.as_os_str());
    let is_link = FileType::from_raw_mode(name.stat()?.st_mode) == FileType::Symlink;
    if rights == Rights::Root {
        let owner = (Uid::from_raw(metadata.uid), Gid::from_raw(metadata.gid));
        chownat(directory, last, Some(owner.0), Some(owner.1), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    for (key, value) in metadata.attributes.iter().filter(|(key, _)| is_kept(key, rights)) {
        match lsetxattr(name.beneath(), key.as_slice(), value, XattrFlags::empty()) {
            // As docker does: a file system that has no such attributes shows none.
            Ok(()) | Err(Errno::OPNOTSUPP) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    if !is_link {
        chmodat(directory, last, Mode::from_raw_mode(metadata.mode), AtFlags::empty())?;
    }
    let times = Timestamps { last_access: metadata.mtime, last_modification: metadata.mtime };
    Ok(utimensat(directory, last, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}
// ANCHOR_END: metadata

/// The same of what is held open, for places where somebody else may change what a name stands for: a link that he puts
/// there would lead us to a file of his, or of the host's.
pub(crate) fn set_held(held: BorrowedFd<'_>, metadata: &Metadata, rights: Rights) -> io::Result<()> {
    let path = Path::new("/proc/self/fd").join(held.as_raw_fd().to_string());
    let is_link = FileType::from_raw_mode(fstat(held)?.st_mode) == FileType::Symlink;
    if rights == Rights::Root {
        let owner = (Uid::from_raw(metadata.uid), Gid::from_raw(metadata.gid));
        chownat(CWD, &path, Some(owner.0), Some(owner.1), AtFlags::empty())?;
    }
    for (key, value) in metadata.attributes.iter().filter(|(key, _)| is_kept(key, rights)) {
        match setxattr(&path, key.as_slice(), value, XattrFlags::empty()) {
            Ok(()) | Err(Errno::OPNOTSUPP) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    if !is_link {
        chmodat(CWD, &path, Mode::from_raw_mode(metadata.mode), AtFlags::empty())?;
    }
    let times = Timestamps { last_access: metadata.mtime, last_modification: metadata.mtime };
    Ok(utimensat(CWD, &path, &times, AtFlags::empty())?)
}

/// What a layer may bring and keep: nothing that steers an overlay or is this host's own business.
pub(crate) fn is_kept(key: &[u8], rights: Rights) -> bool {
    let foreign = key.starts_with(b"trusted.") || key.starts_with(b"user.overlay.") || key == b"security.selinux";
    !foreign && (rights == Rights::Root || !key.starts_with(b"security."))
}

/// The attributes of a file that a layer may hold, sorted.
pub(crate) fn read(name: &Name) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut attributes = Vec::new();
    for key in all_keys(name)? {
        if is_kept(&key, Rights::Root)
            && let Some(value) = value(name, &key)?
        {
            attributes.push((key, value));
        }
    }
    attributes.sort_unstable();
    Ok(attributes)
}

fn all_keys(name: &Name) -> io::Result<Vec<Vec<u8>>> {
    let mut keys = [0_u8; 4096];
    let keys = match llistxattr(name.beneath(), &mut keys) {
        Ok(length) => keys[..length].to_vec(),
        Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
        Err(Errno::RANGE) => {
            let mut keys = vec![0; BYTES_MAX];
            let length = llistxattr(name.beneath(), &mut keys)?;
            keys[..length].to_vec()
        }
        Err(errno) => return Err(errno.into()),
    };
    Ok(keys.split(|byte| *byte == 0).filter(|key| !key.is_empty()).map(<[u8]>::to_vec).collect())
}

/// The value of an attribute, if there is one.
pub(crate) fn value(name: &Name, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut value = vec![0; BYTES_MAX];
    match lgetxattr(name.beneath(), key, &mut value) {
        Ok(length) => Ok(Some(value[..length].to_vec())),
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}
