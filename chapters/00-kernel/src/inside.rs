//! Paths inside a root file system that its owner may have laid traps in.
//!
//! Every look-up is openat2(2) relative to the root's descriptor: `..`, absolute links and mounts can't lead out, and
//! the magic links of /proc are never followed. A resolved object is used by descriptor, never looked up again.

use std::{
    ffi::OsStr,
    io::{self, Read},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FileType, Mode, OFlags, ResolveFlags, fstat, mkdirat, openat2},
    io::Errno,
};

/// A root file system: its descriptor, and its path on the host for words only.
#[derive(Clone, Copy)]
pub struct Root<'a> {
    /// The root directory, attached or detached.
    pub fd: BorrowedFd<'a>,
    /// Where it lies on the host; nothing is looked up by this path.
    pub path: &'a Path,
}

impl Root<'_> {
    /// `path` inside this root as the host would write it.
    pub fn said(&self, path: &Path) -> PathBuf {
        self.path.join(path.strip_prefix("/").unwrap_or(path))
    }
}

/// What a mount point must be, and is made as where it is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// Anything but a directory.
    File,
}

/// What to do with symbolic links on the way to a mount point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Refuse: nothing of the spine's own (/proc, /dev, /sys) may be redirected by an image.
    Refuse,
    /// Follow them inside the root, as a user's volume wants.
    FollowInside,
}

/// A rename anywhere on the system can make one openat2 fail with EAGAIN; this many in a row are an attack.
const TRIES_MAX: usize = 128;

/// Opens `path` inside `root` with `flags`.
pub fn open_inside(root: BorrowedFd<'_>, path: &Path, flags: OFlags, links: Links) -> io::Result<OwnedFd> {
    open_with_mode(root, path, flags, Mode::empty(), links)
}

fn open_with_mode(root: BorrowedFd<'_>, path: &Path, flags: OFlags, mode: Mode, links: Links) -> io::Result<OwnedFd> {
    let mut resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    if links == Links::Refuse {
        resolve |= ResolveFlags::NO_SYMLINKS;
    }
    for _ in 0..TRIES_MAX {
        match openat2(root, path, flags | OFlags::CLOEXEC, mode, resolve) {
            Err(Errno::AGAIN) => {}
            Err(Errno::LOOP) if links == Links::Refuse => {
                return Err(io::Error::other("it is, or lies behind, a symbolic link"));
            }
            other => return Ok(other?),
        }
    }
    Err(io::Error::other("its path keeps changing while it is looked up"))
}

/// The mount point `path` inside `root`, made where it is missing: as a descriptor that serves as the target of a mount
/// and for nothing else.
pub(crate) fn mount_point(root: BorrowedFd<'_>, path: &Path, kind: Kind, links: Links) -> io::Result<OwnedFd> {
    match kind {
        Kind::Directory => directory(root, path, links),
        Kind::File => file(root, path, links),
    }
}

/// Found by one call in most cases; that it is a directory is the kernel's check.
fn directory(root: BorrowedFd<'_>, path: &Path, links: Links) -> io::Result<OwnedFd> {
    let found = open_inside(root, path, OFlags::PATH | OFlags::DIRECTORY, links);
    match found.as_ref().err().and_then(io::Error::raw_os_error) {
        None => found,
        Some(libc::ENOTDIR) => Err(not_a_directory(open_inside(root, path, OFlags::PATH, links)?)?),
        Some(libc::ENOENT) => {
            let (parent, name) = split(path)?;
            let parent = directory(root, parent, links)?;
            match mkdirat(&parent, name, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(in_words(errno)),
            }
            // Opened in its parent, and never through a link: whatever now has this name is what gets checked and used.
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let made = openat2(&parent, name, flags, Mode::empty(), ResolveFlags::BENEATH)?;
            match type_of(&made)? {
                FileType::Directory => Ok(made),
                _ => Err(not_a_directory(made)?),
            }
        }
        _ => found,
    }
}

/// Made by one call where only the file itself is missing, as in a /dev of our own.
fn file(root: BorrowedFd<'_>, path: &Path, links: Links) -> io::Result<OwnedFd> {
    let new = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW;
    let made = open_with_mode(root, path, new, Mode::from_raw_mode(0o644), links);
    match made.as_ref().err().and_then(io::Error::raw_os_error) {
        None => Ok(made?),
        Some(libc::EEXIST) => not_a_file(open_inside(root, path, OFlags::PATH, links)),
        Some(libc::ENOENT) => {
            let (parent, name) = split(path)?;
            let parent = directory(root, parent, links)?;
            match openat2(&parent, name, new | OFlags::CLOEXEC, Mode::from_raw_mode(0o644), ResolveFlags::BENEATH) {
                Err(Errno::EXIST) => {
                    not_a_file(open_inside(parent.as_fd(), Path::new(name), OFlags::PATH, Links::Refuse))
                }
                made => made.map_err(in_words),
            }
        }
        Some(libc::EROFS) => Err(in_words(Errno::ROFS)),
        _ => made,
    }
}

fn split(path: &Path) -> io::Result<(&Path, &OsStr)> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok((if parent.as_os_str().is_empty() { Path::new("/") } else { parent }, name)),
        _ => Err(io::Error::from_raw_os_error(libc::ENOENT)),
    }
}

fn in_words(errno: Errno) -> io::Error {
    match errno {
        Errno::ROFS => io::Error::other("it is missing, and its file system is read-only"),
        errno => errno.into(),
    }
}

fn type_of(found: &OwnedFd) -> io::Result<FileType> {
    Ok(FileType::from_raw_mode(fstat(found)?.st_mode))
}

/// What stands in a directory's place, in words.
fn not_a_directory(found: OwnedFd) -> io::Result<io::Error> {
    Ok(match type_of(&found)? {
        FileType::Symlink => io::Error::other("it is a symbolic link that leads nowhere"),
        other => io::Error::other(format!("it is {}, not a directory", type_words(other))),
    })
}

fn not_a_file(found: io::Result<OwnedFd>) -> io::Result<OwnedFd> {
    match found {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
            Err(io::Error::other("it is a symbolic link that leads nowhere"))
        }
        Ok(found) if type_of(&found)? == FileType::Directory => Err(io::Error::other("it is a directory, not a file")),
        found => found,
    }
}

/// The whole of a regular file inside `root`, or `None` where there is none. Anything else is refused: a FIFO would
/// hang the reader and a huge file would eat its memory. `bytes_max` is the largest size accepted.
pub fn read_inside(root: BorrowedFd<'_>, path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match open_inside(root, path, flags, Links::FollowInside) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) => return Ok(None),
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
            return Err(io::Error::other("it is a socket, not a regular file"));
        }
        other => other?,
    };
    let is = FileType::from_raw_mode(fstat(&file)?.st_mode);
    if is != FileType::RegularFile {
        return Err(io::Error::other(format!("it is {}, not a regular file", type_words(is))));
    }
    let mut bytes = Vec::new();
    std::fs::File::from(file).take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        return Err(io::Error::other(format!("it is larger than {bytes_max} bytes")));
    }
    Ok(Some(bytes))
}

fn type_words(is: FileType) -> &'static str {
    match is {
        FileType::RegularFile => "a regular file",
        FileType::Directory => "a directory",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "of an unknown type",
    }
}
