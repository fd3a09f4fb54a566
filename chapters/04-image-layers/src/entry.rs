//! One entry of a tar archive, with all that its header and the extended headers before it say. See tar(5).

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::PathBuf};

use rustix::fs::Timespec;

/// A name, what it is, and its metadata.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// As the archive writes it.
    pub(crate) path: PathBuf,
    pub(crate) kind: Kind,
    pub(crate) metadata: Metadata,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File(Extent),
    Directory,
    /// What it says.
    Symlink(PathBuf),
    /// The other name, from the archive's root.
    HardLink(PathBuf),
    CharacterDevice(u64),
    BlockDevice(u64),
    Fifo,
}

/// The data of a file: how long it is, and which pieces of it the archive has. The rest are holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) length: u64,
    pub(crate) pieces: Vec<Piece>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Metadata {
    /// The permissions, with setuid, setgid and sticky.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: Timespec,
    pub(crate) attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Metadata {
    /// Of a directory that nobody described.
    pub(crate) fn implied() -> Self {
        Self { mode: 0o755, uid: 0, gid: 0, mtime: Timespec { tv_sec: 0, tv_nsec: 0 }, attributes: Vec::new() }
    }
}

impl Extent {
    /// Of a file without holes.
    pub(crate) fn whole(length: u64) -> Self {
        Self { length, pieces: vec![Piece { offset: 0, length }] }
    }
}

/// A name as bytes, up to its NUL.
pub(crate) fn name(bytes: &[u8]) -> PathBuf {
    OsStr::from_bytes(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into()
}
