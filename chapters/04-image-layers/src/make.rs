//! A layer made of what a container wrote: its upper directory as an archive, packed, in the store. The same directory
//! gives the same layer. See the OCI image specification, layer.md, "Change Types".

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    io::{self, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use conex_kernel::directory;
use flate2::{Compression, write::GzEncoder};
use rustix::fs::{FileType, Mode, OFlags, Stat, Timespec, openat, readlinkat};
use sha2::{Digest as _, Sha256};

use crate::{
    Descriptor, Digest, Error, Result, Store,
    archiving::Archiving,
    attributes,
    entry::{Entry, Extent, Kind, Metadata},
    error::Doing,
    marks,
    name::{Name, is_directory},
    rights::Rights,
};

const MEDIA_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// A new layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// As it is packed.
    pub blob: Descriptor,
    /// As it is unpacked.
    pub diff_id: Digest,
}

/// An upper directory that is being read.
struct Upper<'a> {
    root: OwnedFd,
    rights: Rights,
    skip: &'a [&'a Path],
    /// Where the first name of a file is that has several.
    links: BTreeMap<(u64, u64), PathBuf>,
}

impl Store {
    /// Makes a layer of an upper directory, but for the paths in `skip`, from its root, and what lies below them.
    pub fn make(&self, upper: &Path, skip: &[&Path]) -> Result<Layer> {
        let root = File::open(upper).doing(|| format!("open {}", upper.display()))?.into();
        let packed = GzEncoder::new(self.ingest_unnamed(MEDIA_TYPE)?, Compression::new(6));
        let mut archive = Archiving::new(Hashing { into: packed, hasher: Sha256::new() });
        Upper { root, rights: self.rights, skip, links: BTreeMap::new() }.write(&mut archive)?;
        let Hashing { into, hasher } = archive.finish().doing(|| "write the layer".into())?;
        let blob = into.finish().doing(|| "write the layer".into())?.finish()?;
        Ok(Layer { blob, diff_id: Digest::from_hasher(hasher) })
    }
}

impl Upper<'_> {
    /// Each directory before what is in it, and that by name. A list and not a recursion, however deep it is.
    fn write(mut self, archive: &mut Archiving<impl Write>) -> Result<()> {
        let mut left = vec![PathBuf::new()];
        while let Some(path) = left.pop() {
            if self.skip.iter().any(|skip| skip.strip_prefix("/").unwrap_or(skip) == path) {
                continue;
            }
            let names = self.one(&path, archive).map_err(|error| match error.downcast() {
                Ok(error) => error,
                Err(error) => Error::system(format!("put /{} into a layer", path.display()), error),
            })?;
            left.extend(names.into_iter().rev().map(|name| path.join(name)));
        }
        Ok(())
    }

    /// Writes what is at a path; gives what is in it.
    fn one(&mut self, path: &Path, archive: &mut Archiving<impl Write>) -> io::Result<Vec<OsString>> {
        let name = Name::find(self.root.as_fd(), path)?;
        let stat = name.stat()?;
        let mark = marks::of(path, &name, &stat, self.rights)?;
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
        if is_directory(&stat) { names_in(&name) } else { Ok(Vec::new()) }
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
        let mut metadata = self.metadata(name, stat)?;
        if let Kind::HardLink(_) = kind {
            metadata.attributes.clear();
        } else if stat.st_nlink > 1 {
            self.links.insert((stat.st_dev, stat.st_ino), path.to_owned());
        }
        let mut data: Box<dyn io::Read> = match kind {
            Kind::File(_) => Box::new(open(name, stat)?),
            _ => Box::new(io::empty()),
        };
        archive.entry(&Entry { path: path.to_owned(), kind, metadata }, &mut data)
    }

    fn directory(&self, path: &Path, name: &Name, stat: &Stat, archive: &mut Archiving<impl Write>) -> io::Result<()> {
        // The slash tells readers that know no types; the root is "./".
        let written = if path.as_os_str().is_empty() { Path::new(".") } else { path }.join("");
        let metadata = self.metadata(name, stat)?;
        archive.entry(&Entry { path: written, kind: Kind::Directory, metadata }, &mut io::empty())
    }

    fn metadata(&self, name: &Name, stat: &Stat) -> io::Result<Metadata> {
        // A user's files are those of his container's root.
        let (uid, gid) = if self.rights == Rights::User { (0, 0) } else { (stat.st_uid, stat.st_gid) };
        let mtime = Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec as i64 };
        Ok(Metadata { mode: stat.st_mode & 0o7777, uid, gid, mtime, attributes: attributes::read(name)? })
    }
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
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(&name.directory, &name.name, flags, Mode::empty())?;
    let opened = rustix::fs::fstat(&file)?;
    if (opened.st_dev, opened.st_ino) != (stat.st_dev, stat.st_ino) {
        return Err(io::Error::other("it was exchanged while it was read"));
    }
    Ok(file.into())
}

/// Hashes what passes.
struct Hashing<W> {
    into: W,
    hasher: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.into.write(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.into.flush()
    }
}
