//! The end of a layer: what needs those below it. Done in order, the lowest layer first, while nobody sees it yet. See
//! overlayfs.rst, "Merged directories".

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use conex_kernel::directory;
use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, Stat, Timespec, linkat, mknodat, openat, readlinkat, symlinkat},
    io::Errno,
};

use crate::{
    Error, Result, attributes,
    entry::Metadata,
    error::Doing,
    growing::Growing,
    name::{Name, is_directory, is_whiteout},
    rights::Rights,
};

impl Growing {
    /// Finishes a layer over those below it, the lowest first.
    pub(crate) fn finish(mut self, below: &[PathBuf]) -> Result<()> {
        let below = Below { layers: below, rights: self.rights };
        for (path, other) in std::mem::take(&mut self.links) {
            let linked = self.late_link(&path, &other, &below);
            linked.map_err(|error| match error {
                Error::System { doing, error } => {
                    Error::System { doing: format!("apply {}: {doing}", path.display()), error }
                }
                error => error,
            })?;
        }
        if self.opaque {
            self.hide_root(&below).doing(|| "hide what lies below the root".into())?;
        }
        // From the deepest up: a directory may be closed to us once it has its mode.
        for (path, listed) in self.directories.iter().rev() {
            self.dress(path, listed.as_ref(), &below)
                .doing(|| format!("apply {}: set its metadata", Path::new("/").join(path).display()))?;
        }
        Ok(())
    }

    /// A link to a file that came later in the archive, or that a lower layer has: then it comes up, as it would if the
    /// link had been made in a container.
    fn late_link(&mut self, path: &Path, other: &Path, below: &Below<'_>) -> Result<()> {
        let refused = |why: &str| {
            let why = format!("it links to {}: {why}", other.display());
            Error::Entry { path: path.to_owned(), why }
        };
        let target = self.name(other)?;
        match target.stat() {
            Ok(there) if is_directory(&there) => return Err(refused("that is a directory")),
            Ok(there) if is_whiteout(&there) => return Err(refused("that is deleted")),
            Ok(_) => {}
            Err(_) => {
                let found = below.find(other).doing(|| format!("look up {}", other.display()))?;
                let Some((source, stat)) = found else { return Err(refused("there is no such file")) };
                if is_directory(&stat) {
                    return Err(refused("that is a directory"));
                }
                copy_up(&source, &stat, &target, self.rights).doing(|| format!("copy {} up", other.display()))?;
            }
        }
        let name = self.name(path)?;
        match linkat(&target.directory, &target.name, &name.directory, &name.name, AtFlags::empty()) {
            // The archive said later what is there.
            Err(Errno::EXIST) => Ok(()),
            linked => linked.doing(|| format!("link it to {}", other.display())),
        }
    }

    /// Deletes, by name, what lies below an opaque root.
    fn hide_root(&self, below: &Below<'_>) -> io::Result<()> {
        for layer in below.layers {
            for name in directory::names(File::open(layer)?.as_fd())? {
                match mknodat(&self.root, &name, FileType::CharacterDevice, Mode::empty(), 0) {
                    Ok(()) => {}
                    Err(Errno::EXIST) => self.hide_below(Path::new(&name))?,
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
        Ok(())
    }

    /// A directory of an opaque root is opaque; anything else hides what lies below it anyway.
    fn hide_below(&self, name: &Path) -> io::Result<()> {
        let name = Name::find(self.root.as_fd(), name)?;
        if is_directory(&name.stat()?) {
            let key = self.rights.opaque();
            rustix::fs::lsetxattr(name.beneath(), key, b"y", rustix::fs::XattrFlags::empty())?;
        }
        Ok(())
    }

    /// Gives a directory what was said of it, or else what the one below it has.
    fn dress(&self, path: &Path, listed: Option<&Metadata>, below: &Below<'_>) -> io::Result<()> {
        let Ok(name) = Name::find(self.root.as_fd(), path) else { return Ok(()) };
        // Something else may have taken its place.
        if !name.stat().is_ok_and(|there| is_directory(&there)) {
            return Ok(());
        }
        let metadata = match listed {
            Some(metadata) => metadata.clone(),
            None => match below.find(path)? {
                Some((source, stat)) if is_directory(&stat) => read(&source, &stat)?,
                _ => Metadata::implied(),
            },
        };
        attributes::set(&name, &metadata, self.rights)
    }
}

/// The finished layers below one.
struct Below<'a> {
    layers: &'a [PathBuf],
    rights: Rights,
}

impl Below<'_> {
    /// What an overlay of them shows at a path.
    fn find(&self, path: &Path) -> io::Result<Option<(Name, Stat)>> {
        for layer in self.layers.iter().rev() {
            match self.look(layer, path)? {
                Look::Shown(name, stat) => return Ok(Some((name, stat))),
                Look::Hidden => return Ok(None),
                Look::Through => {}
            }
        }
        Ok(None)
    }

    /// What one layer says of it, name by name.
    fn look(&self, layer: &Path, path: &Path) -> io::Result<Look> {
        let mut at = Name { directory: OwnedFd::from(File::open(layer)?).into(), name: ".".into() };
        let mut stat = at.stat()?;
        let mut opaque = false;
        for part in path.iter() {
            if !is_directory(&stat) {
                return Ok(Look::Hidden);
            }
            opaque |= attributes::value(&at, self.rights.opaque().as_bytes())?.is_some_and(|value| value == b"y");
            at = at.below(part)?;
            stat = match at.stat() {
                Ok(stat) => stat,
                Err(Errno::NOENT) => return Ok(if opaque { Look::Hidden } else { Look::Through }),
                Err(errno) => return Err(errno.into()),
            };
        }
        Ok(if is_whiteout(&stat) { Look::Hidden } else { Look::Shown(at, stat) })
    }
}

enum Look {
    Shown(Name, Stat),
    /// There is nothing, and layers further down are not seen.
    Hidden,
    /// It says nothing.
    Through,
}

impl Name {
    /// A name in the directory that this one is.
    fn below(&self, name: &OsStr) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = openat(&self.directory, &self.name, flags, Mode::empty())?;
        Ok(Self { directory: directory.into(), name: name.to_owned() })
    }
}

fn read(name: &Name, stat: &Stat) -> io::Result<Metadata> {
    Ok(Metadata {
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime: Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec as i64 },
        attributes: attributes::read(name)?,
    })
}

/// Copies one file of a lower layer to its place in this one.
fn copy_up(from: &Name, stat: &Stat, into: &Name, rights: Rights) -> io::Result<()> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            let read = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let source = openat(&from.directory, &from.name, read, Mode::empty())?;
            let copy = openat(&into.directory, &into.name, new, Mode::RUSR | Mode::WUSR)?;
            io::copy(&mut File::from(source), &mut File::from(copy))?;
        }
        FileType::Symlink => {
            symlinkat(readlinkat(&from.directory, &from.name, Vec::new())?, &into.directory, &into.name)?;
        }
        kind => mknodat(&into.directory, &into.name, kind, Mode::RUSR | Mode::WUSR, stat.st_rdev)?,
    }
    attributes::set(into, &read(from, stat)?, rights)
}
