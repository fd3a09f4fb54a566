//! Layers copied over each other, the lowest first: what an overlay shows, as plain files. Every path is walked by
//! descriptor and no link is followed. See openat2(2), linkat(2), mknod(2).

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use conex_kernel::{Error, Result};
use rustix::{
    fs::{
        AtFlags, FileType, Mode, OFlags, Stat, chmodat, fstat, ioctl_ficlone, linkat, mkdirat, mknodat, openat,
        readlinkat, statat, symlinkat,
    },
    io::Errno,
};

use crate::{
    NAME, Reflink,
    directory::{self, open_below},
    entry::{Entry, entry},
    marks::Marks,
    metadata::{self, Name},
    place::full,
    sparse::copy_data,
};

/// One layer on its way into a tree.
pub(crate) struct Copying<'a> {
    pub(crate) layer: OwnedFd,
    pub(crate) into: BorrowedFd<'a>,
    pub(crate) marks: Marks,
    pub(crate) reflink: Reflink,
    /// Where the first name of a file lies that has several.
    links: BTreeMap<(u64, u64), PathBuf>,
}

impl<'a> Copying<'a> {
    pub(crate) fn new(layer: OwnedFd, into: BorrowedFd<'a>, marks: Marks, reflink: Reflink) -> Self {
        Self { layer, into, marks, reflink, links: BTreeMap::new() }
    }

    /// Copies all of it over what is there.
    pub(crate) fn run(&mut self) -> Result<()> {
        let (mut left, mut done) = (vec![PathBuf::from(".")], Vec::new());
        while let Some(path) = left.pop() {
            self.directory(&path, &mut left)?;
            done.push(path);
        }
        // Writing into a directory changes its time, and may need a mode that it shall not have.
        done.iter().rev().try_for_each(|path| self.finish(path).map_err(|error| failed(path, &error)))
    }

    fn directory(&mut self, path: &Path, left: &mut Vec<PathBuf>) -> Result<()> {
        let here = |error: io::Error| failed(path, &error);
        let from = open_below(self.layer.as_fd(), path).map_err(here)?;
        let into = open_below(self.into, path).map_err(here)?;
        for name in directory::names(from.as_fd()).map_err(here)? {
            let whole = path.join(&name);
            let names = (Name(from.as_fd(), &name), Name(into.as_fd(), &name));
            if self.one(names.0, names.1, &whole).map_err(|error| failed(&whole, &error))? {
                left.push(whole);
            }
        }
        Ok(())
    }

    /// One name; whether it is a directory that has to be gone into.
    fn one(&mut self, from: Name<'_>, into: Name<'_>, path: &Path) -> io::Result<bool> {
        let Some(found) = entry(from.0, from.1, self.marks)? else { return Ok(false) };
        if found != Entry::Directory {
            directory::remove(into.0, into.1)?;
        }
        match found {
            Entry::Whiteout => Ok(false),
            Entry::Directory | Entry::OpaqueDirectory => make_directory(into).map(|()| true),
            Entry::File => self.file(from, into, path).map(|()| false),
        }
    }

    fn file(&mut self, from: Name<'_>, into: Name<'_>, path: &Path) -> io::Result<()> {
        let stat = statat(from.0, from.1, AtFlags::SYMLINK_NOFOLLOW)?;
        if stat.st_nlink > 1 {
            match self.links.get(&(stat.st_dev, stat.st_ino)) {
                Some(first) => return link(self.into, first, into),
                None => _ = self.links.insert((stat.st_dev, stat.st_ino), path.to_owned()),
            }
        }
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => self.data(from, into, &stat)?,
            FileType::Symlink => symlinkat(readlinkat(from.0, from.1, Vec::new())?.as_c_str(), into.0, into.1)?,
            kind => mknodat(into.0, into.1, kind, Mode::RUSR | Mode::WUSR, stat.st_rdev)?,
        }
        metadata::copy(&stat, from, into, self.marks)
    }

    fn data(&self, from: Name<'_>, into: Name<'_>, stat: &Stat) -> io::Result<()> {
        let reading = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let source = openat(from.0, from.1, reading, Mode::empty())?;
        let opened = fstat(&source)?;
        if (opened.st_dev, opened.st_ino) != (stat.st_dev, stat.st_ino) {
            return Err(io::Error::other("it was exchanged while it was copied"));
        }
        let writing = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let copy = openat(into.0, into.1, writing, Mode::RUSR | Mode::WUSR)?;
        if self.reflink == Reflink::WherePossible && ioctl_ficlone(&copy, &source).is_ok() {
            return Ok(());
        }
        copy_data(&File::from(source), &File::from(copy))
    }

    fn finish(&self, path: &Path) -> io::Result<()> {
        let (from, into) = (open_below(self.layer.as_fd(), path)?, open_below(self.into, path)?);
        let this = OsStr::new(".");
        metadata::copy(&fstat(&from)?, Name(from.as_fd(), this), Name(into.as_fd(), this), self.marks)
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    let path = path.strip_prefix(".").unwrap_or(path);
    full(Error::new(NAME, format!("copy /{}", path.display()), error))
}

/// In the place of whatever is no directory; one that is there is merged, and can be written to until it is finished.
fn make_directory(into: Name<'_>) -> io::Result<()> {
    match mkdirat(into.0, into.1, Mode::RWXU) {
        Err(Errno::EXIST) => {}
        made => return Ok(made?),
    }
    let there = statat(into.0, into.1, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(there.st_mode) == FileType::Directory {
        return Ok(chmodat(into.0, into.1, Mode::RWXU, AtFlags::empty())?);
    }
    directory::remove(into.0, into.1)?;
    Ok(mkdirat(into.0, into.1, Mode::RWXU)?)
}

fn link(root: BorrowedFd<'_>, first: &Path, into: Name<'_>) -> io::Result<()> {
    let (parent, name) = (first.parent().unwrap_or(Path::new(".")), first.file_name().unwrap_or_default());
    let parent = open_below(root, parent)?;
    Ok(linkat(&parent, name, into.0, into.1, AtFlags::empty())?)
}
