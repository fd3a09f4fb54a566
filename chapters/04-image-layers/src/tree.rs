//! A tree of files on its way into an archive, read by descriptors: each directory before what is in it, and that by
//! name. What is in it may be a stranger's, and may change meanwhile. See pax(1).

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    io::{self, Write},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use conex_kernel::directory;
use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, Timespec, fstat, openat, readlinkat};

use crate::{
    Error, Result,
    archiving::Archiving,
    attributes,
    entry::{Entry, Extent, Kind, Metadata},
    marks,
    name::{Name, is_directory},
    rights::Rights,
};

/// What is read of a tree.
#[derive(Clone, Copy)]
pub(crate) enum Reading<'a> {
    /// All of an overlay's upper directory but for the paths in `skip`; what it says is gone gets a mark.
    Upper { rights: Rights, skip: &'a [&'a Path] },
    /// What is at `start`, under the name `name`; a directory without a name is left out, and what is in it is not.
    /// What is mounted below it is not read: a container's /proc has no end.
    Part { start: &'a Path, name: &'a Path },
}

/// A tree that is being read.
pub(crate) struct Tree<'a> {
    root: BorrowedFd<'a>,
    reading: Reading<'a>,
    /// Where the first name of a file is that has several.
    links: BTreeMap<(u64, u64), PathBuf>,
    /// The device of the directory where it began.
    device: Option<u64>,
}

impl<'a> Tree<'a> {
    /// Of an opened directory.
    pub(crate) fn new(root: BorrowedFd<'a>, reading: Reading<'a>) -> Self {
        Self { root, reading, links: BTreeMap::new(), device: None }
    }

    /// A list and not a recursion, however deep it is.
    pub(crate) fn write(mut self, archive: &mut Archiving<impl Write>) -> Result<()> {
        let (start, doing) = match self.reading {
            Reading::Upper { .. } => (PathBuf::new(), "into a layer"),
            Reading::Part { start, .. } => (start.to_owned(), "into an archive"),
        };
        let mut left = vec![start.clone()];
        while let Some(path) = left.pop() {
            let skipped = |skip: &&Path| skip.strip_prefix("/").unwrap_or(skip) == path;
            if matches!(self.reading, Reading::Upper { skip, .. } if skip.iter().any(skipped)) {
                continue;
            }
            let names = match self.one(&path, archive) {
                // It was taken away since its directory was read: a container goes on meanwhile.
                Err(error) if is_gone(&error) && path != start && matches!(self.reading, Reading::Part { .. }) => {
                    continue;
                }
                names => names,
            };
            let names = names.map_err(|error| match error.downcast() {
                Ok(error) => error,
                Err(error) => Error::system(format!("put /{} {doing}", path.display()), error),
            })?;
            left.extend(names.into_iter().rev().map(|name| path.join(name)));
        }
        Ok(())
    }

    /// Writes what is at a path; gives what is in it.
    fn one(&mut self, path: &Path, archive: &mut Archiving<impl Write>) -> io::Result<Vec<OsString>> {
        let name = Name::find(self.root, path)?;
        let stat = name.stat()?;
        let mark = match self.reading {
            Reading::Upper { rights, .. } => marks::of(path, &name, &stat, rights)?,
            Reading::Part { .. } => None,
        };
        if is_directory(&stat) {
            self.directory(path, &name, &stat, archive)?;
        } else if mark.is_none() {
            self.file(path, &name, &stat, archive)?;
        }
        if let Some(path) = mark {
            // An empty file whose name says all.
            let metadata = Metadata { mode: 0, ..Metadata::implied() };
            archive.entry(&Entry { path, kind: Kind::File(Extent::whole(0)), metadata }, &mut io::empty())?;
        }
        let is_read = is_directory(&stat) && *self.device.get_or_insert(stat.st_dev) == stat.st_dev;
        if is_read { names_in(&name) } else { Ok(Vec::new()) }
    }

    /// What a path is called in the archive.
    fn written(&self, path: &Path) -> PathBuf {
        match self.reading {
            Reading::Upper { .. } => path.to_owned(),
            Reading::Part { start, name } => match path.strip_prefix(start) {
                Ok(below) if below.as_os_str().is_empty() => name.to_owned(),
                Ok(below) => name.join(below),
                Err(_) => path.to_owned(),
            },
        }
    }

    /// Writes what is no directory.
    fn file(&mut self, path: &Path, name: &Name, stat: &Stat, archive: &mut Archiving<impl Write>) -> io::Result<()> {
        let first = self.links.get(&(stat.st_dev, stat.st_ino));
        let kind = match (first, FileType::from_raw_mode(stat.st_mode)) {
            (Some(first), _) => Kind::HardLink(first.clone()),
            (None, FileType::RegularFile) => Kind::File(Extent::whole(stat.st_size as u64)),
            (None, FileType::Symlink) => Kind::Symlink(target(name)?),
            (None, FileType::CharacterDevice) => Kind::CharacterDevice(stat.st_rdev),
            (None, FileType::BlockDevice) => Kind::BlockDevice(stat.st_rdev),
            (None, FileType::Fifo) => Kind::Fifo,
            // A socket is of no use without who listens.
            _ => return Ok(()),
        };
        let (path, mut metadata) = (self.written(path), self.metadata(name, stat)?);
        if let Kind::HardLink(_) = kind {
            metadata.attributes.clear();
        } else if stat.st_nlink > 1 {
            self.links.insert((stat.st_dev, stat.st_ino), path.clone());
        }
        let mut data: Box<dyn io::Read> = match kind {
            Kind::File(_) => Box::new(open(name, stat)?),
            _ => Box::new(io::empty()),
        };
        archive.entry(&Entry { path, kind, metadata }, &mut data)
    }

    fn directory(&self, path: &Path, name: &Name, stat: &Stat, archive: &mut Archiving<impl Write>) -> io::Result<()> {
        let written = self.written(path);
        let written = match (self.reading, written.as_os_str().is_empty()) {
            (Reading::Part { .. }, true) => return Ok(()),
            (Reading::Upper { .. }, true) => PathBuf::from("."),
            (_, false) => written,
        };
        let metadata = self.metadata(name, stat)?;
        // The slash tells readers that know no types.
        archive.entry(&Entry { path: written.join(""), kind: Kind::Directory, metadata }, &mut io::empty())
    }

    fn metadata(&self, name: &Name, stat: &Stat) -> io::Result<Metadata> {
        let (uid, gid) = match self.reading {
            // A user's files are those of his container's root.
            Reading::Upper { rights: Rights::User, .. } => (0, 0),
            _ => (stat.st_uid, stat.st_gid),
        };
        let mtime = Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec as i64 };
        Ok(Metadata { mode: stat.st_mode & 0o7777, uid, gid, mtime, attributes: attributes::read(name)? })
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR))
}

fn names_in(name: &Name) -> io::Result<Vec<OsString>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    directory::names(openat(&name.directory, &name.name, flags, Mode::empty())?.as_fd())
}

fn target(name: &Name) -> io::Result<PathBuf> {
    let target = readlinkat(&name.directory, &name.name, Vec::new())?;
    Ok(std::ffi::OsStr::from_bytes(target.to_bytes()).into())
}

/// The file that was looked at, and nothing that took its place.
fn open(name: &Name, stat: &Stat) -> io::Result<File> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = openat(&name.directory, &name.name, flags, Mode::empty())?;
    let is = fstat(&held)?;
    if (is.st_dev, is.st_ino, is.st_mode) != (stat.st_dev, stat.st_ino, stat.st_mode) {
        return Err(io::Error::other("it was exchanged while it was read"));
    }
    // Opened only now: to open a device does something already.
    let path = Path::new("/proc/self/fd").join(held.as_raw_fd().to_string());
    Ok(openat(CWD, path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?.into())
}
