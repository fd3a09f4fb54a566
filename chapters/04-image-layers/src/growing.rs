//! A layer that grows in a fresh directory, which becomes a lower layer of an overlay. Nothing in its archive leads out
//! of that directory, and what lower layers have is asked for only at the end, in `finish`. See overlayfs.rst.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, Seek, SeekFrom},
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    sync::Arc,
};

use conex_kernel::directory;
use rustix::{
    fs::{
        AtFlags, FileType, Mode, OFlags, XattrFlags, fstat, linkat, lsetxattr, mkdirat, mknodat, openat, symlinkat,
        unlinkat,
    },
    io::Errno,
};

use crate::{
    Error, Result, attributes,
    entries::Entries,
    entry::{Entry, Extent, Kind, Metadata},
    error::{Doing, Limit},
    name::{Meaning, Name, is_directory, is_whiteout, meaning, open_directory},
    rights::Rights,
};

/// A layer that is not finished.
pub(crate) struct Growing {
    pub(crate) root: OwnedFd,
    pub(crate) rights: Rights,
    /// Directories, whose times come last; those that were only implied become like those below them.
    pub(crate) directories: BTreeMap<PathBuf, Option<Metadata>>,
    /// Links to files that this layer does not have, or not yet: the new name and the other.
    pub(crate) links: Vec<(PathBuf, PathBuf)>,
    /// Whether nothing of what lies below the root is seen.
    pub(crate) opaque: bool,
    /// The directory that was found last, by its path: most entries lie where the one before them does. It stays the same
    /// until something is taken away.
    last: Option<(PathBuf, Arc<OwnedFd>)>,
    /// How much all that may take, and takes.
    held_bytes_max: u64,
    held_bytes: u64,
}

impl Growing {
    /// In an empty directory.
    pub(crate) fn new(root: OwnedFd, rights: Rights, held_bytes_max: u64) -> Self {
        let directories = BTreeMap::from([(PathBuf::new(), None)]);
        Self { root, rights, directories, links: Vec::new(), opaque: false, last: None, held_bytes_max, held_bytes: 0 }
    }

    /// Applies all entries.
    pub(crate) fn apply<R: BufRead>(&mut self, archive: &mut Entries<R>) -> Result<()> {
        while let Some(entry) = archive.next()? {
            self.entry(&entry, archive).map_err(|error| match error {
                Error::System { doing, error } => {
                    Error::System { doing: format!("apply {}: {doing}", entry.path.display()), error }
                }
                error => error,
            })?;
        }
        Ok(())
    }

    // ANCHOR: entry
    /// Applies one entry: what it says is there, whatever was.
    fn entry<R: BufRead>(&mut self, entry: &Entry, archive: &mut Entries<R>) -> Result<()> {
        let refused = |why: &str| Error::Entry { path: entry.path.clone(), why: why.to_owned() };
        let path = match meaning(&entry.path).map_err(refused)? {
            Meaning::Path(path) => path,
            Meaning::Whiteout(path) => return self.whiteout(&path),
            Meaning::Opaque(directory) => return self.opaque(&directory),
            Meaning::Nothing => return Ok(()),
        };
        if entry.kind == Kind::Directory {
            self.directory(&path)?;
            return self.hold(path, Some(entry.metadata.clone()));
        }
        if path.as_os_str().is_empty() {
            return Err(refused("the root is a directory"));
        }
        if matches!(entry.kind, Kind::CharacterDevice(0)) {
            return Err(refused("the device 0:0 would delete what lies below"));
        }
        let name = self.name(&path)?;
        match &entry.kind {
            Kind::HardLink(other) => self.clear(&path, &name).and_then(|()| self.link(path, other, &name)),
            Kind::CharacterDevice(_) | Kind::BlockDevice(_) if self.rights == Rights::User => self.clear(&path, &name),
            kind => {
                // Most names are new: only where something is, it is taken away.
                if !make(kind, &name, archive)? {
                    self.clear(&path, &name)?;
                    make(kind, &name, archive)?;
                }
                attributes::set(&name, &entry.metadata, self.rights).doing(|| "set its metadata".into())
            }
        }
    }
    // ANCHOR_END: entry

    // ANCHOR: whiteout
    /// What lies below has this name no more. What this layer has there hides it already; a directory must not be seen
    /// through, and then it makes no difference which of both comes first in the archive.
    #[doc(alias = "exercise:image.whiteouts")]
    pub(crate) fn whiteout(&mut self, path: &Path) -> Result<()> {
        let name = self.name(path)?;
        match name.stat() {
            Ok(there) if is_directory(&there) => self.opaque(path),
            Ok(_) => Ok(()),
            Err(Errno::NOENT) => {
                let made = mknodat(&name.directory, &name.name, FileType::CharacterDevice, Mode::empty(), 0);
                made.doing(|| "make a whiteout".into())
            }
            Err(errno) => Err(Error::system("look it up", errno.into())),
        }
    }
    // ANCHOR_END: whiteout

    // ANCHOR: opaque
    /// What lies below this directory's is not seen. It is one mark, however often the archive says it.
    fn opaque(&mut self, directory: &Path) -> Result<()> {
        // By way of a name in it, which makes the directory where it is missing.
        let this = Name { name: ".".into(), ..self.name(&directory.join(".wh..wh..opq"))? };
        let file = |directory| fstat(directory).map(|stat| (stat.st_dev, stat.st_ino)).doing(|| "look it up".into());
        if file(this.directory())? == file(self.root.as_fd())? {
            // An overlay's root is never opaque: `finish` deletes what lies below by name. A link may lead to it, too.
            self.opaque = true;
            return Ok(());
        }
        let marked = lsetxattr(this.beneath(), self.rights.opaque(), b"y", XattrFlags::empty());
        marked.doing(|| "mark its directory as opaque".into())
    }
    // ANCHOR_END: opaque

    /// Makes a directory, or takes the one that is there.
    fn directory(&mut self, path: &Path) -> Result<()> {
        if path.as_os_str().is_empty() {
            return Ok(());
        }
        let name = self.name(path)?;
        let there = match name.stat() {
            Ok(there) if is_directory(&there) => return Ok(()),
            there => there.ok(),
        };
        if there.is_some() {
            self.last = None;
            directory::remove(name.directory(), &name.name).doing(|| "remove what was there".into())?;
        }
        mkdirat(&name.directory, &name.name, Mode::RWXU).doing(|| "make the directory".into())?;
        self.hold(path.to_owned(), None)?;
        // It was deleted, and is new: what lies below must not be seen in it.
        if there.is_some_and(|there| is_whiteout(&there)) { self.opaque(path) } else { Ok(()) }
    }

    /// Keeps in mind what a directory becomes in the end.
    fn hold(&mut self, path: PathBuf, metadata: Option<Metadata>) -> Result<()> {
        let attributes = metadata.iter().flat_map(|metadata| &metadata.attributes);
        let attributes = attributes.map(|(key, value)| key.len() + value.len()).sum::<usize>();
        let own = if self.directories.contains_key(&path) { 0 } else { cost(&path) };
        self.held(attributes + own)?;
        self.directories.insert(path, metadata);
        Ok(())
    }

    fn held(&mut self, bytes: usize) -> Result<()> {
        self.held_bytes += bytes as u64;
        if self.held_bytes > self.held_bytes_max { Err(Limit::Held(self.held_bytes_max).into()) } else { Ok(()) }
    }

    /// Takes away what is there.
    fn clear(&mut self, path: &Path, name: &Name) -> Result<()> {
        // It may be a link or a directory on the way to the one that was found last.
        self.last = None;
        match unlinkat(&name.directory, &name.name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ISDIR) => {
                directory::remove(name.directory(), &name.name).doing(|| "remove what was there".into())?;
                self.directories.remove(path);
            }
            Err(errno) => return Err(Error::system("remove what was there", errno.into())),
        }
        Ok(())
    }

    /// The place of a path. Directories that the archive did not mention are made.
    pub(crate) fn name(&mut self, path: &Path) -> Result<Name> {
        let parent = path.parent().unwrap_or(path);
        if let Some((_, directory)) = self.last.as_ref().filter(|(last, _)| last == parent) {
            return Ok(Name::in_directory(directory.clone(), path));
        }
        let name = self.look_up(path)?;
        self.last = Some((parent.to_owned(), name.directory.clone()));
        Ok(name)
    }

    fn look_up(&mut self, path: &Path) -> Result<Name> {
        match Name::find(self.root.as_fd(), path) {
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) => {}
            found => return found.doing(|| "look up its directory".into()),
        }
        let parents: Vec<&Path> = path.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()).collect();
        for parent in parents.into_iter().rev() {
            let found = open_directory(self.root.as_fd(), parent);
            let Some(errno) = found.err().and_then(|error| error.raw_os_error()) else { continue };
            let name = Name::find(self.root.as_fd(), parent).doing(|| "look up its directory".into())?;
            match name.stat() {
                Ok(there) if !is_whiteout(&there) => {
                    let what = if errno == libc::ENOTDIR { "no directory" } else { "a link that leads nowhere" };
                    let why = format!("{} is {what}", parent.display());
                    return Err(Error::Entry { path: path.to_owned(), why });
                }
                _ => self.directory(parent)?,
            }
        }
        Name::find(self.root.as_fd(), path).doing(|| "look up its directory".into())
    }

    fn link(&mut self, path: PathBuf, other: &Path, name: &Name) -> Result<()> {
        let refused =
            |why: &str| Error::Entry { path: path.clone(), why: format!("it links to {}: {why}", other.display()) };
        let Meaning::Path(other) = meaning(other).map_err(refused)? else {
            return Err(refused("that is a mark of something deleted"));
        };
        match Name::find(self.root.as_fd(), &other).and_then(|found| Ok((found.stat()?, found))) {
            Ok((stat, _)) if is_directory(&stat) => Err(refused("that is a directory")),
            Ok((stat, found)) if !is_whiteout(&stat) => {
                let linked = linkat(&found.directory, &found.name, &name.directory, &name.name, AtFlags::empty());
                linked.doing(|| format!("link it to {}", other.display()))
            }
            // Of a lower layer, or still to come.
            _ => {
                self.held(cost(&path) + cost(&other))?;
                self.links.push((path, other));
                Ok(())
            }
        }
    }
}

/// Of a path that is kept, about.
fn cost(path: &Path) -> usize {
    path.as_os_str().len() + size_of::<Metadata>()
}

/// Makes what is no directory and no other name of something; `false` if something is there.
pub(crate) fn make<R: BufRead>(kind: &Kind, name: &Name, archive: &mut Entries<R>) -> Result<bool> {
    let node = |kind, device| mknodat(&name.directory, &name.name, kind, Mode::RUSR | Mode::WUSR, device);
    let made = match kind {
        Kind::File(extent) => match create(name) {
            Ok(file) => return fill(file, extent, archive).map(|()| true),
            Err(errno) => Err(errno),
        },
        Kind::Symlink(target) => symlinkat(target, &name.directory, &name.name),
        Kind::CharacterDevice(device) => node(FileType::CharacterDevice, *device),
        Kind::BlockDevice(device) => node(FileType::BlockDevice, *device),
        Kind::Fifo => node(FileType::Fifo, 0),
        Kind::Directory | Kind::HardLink(_) => Ok(()),
    };
    match made {
        Err(Errno::EXIST) => Ok(false),
        made => made.doing(|| "make it".into()).map(|()| true),
    }
}

pub(crate) fn create(name: &Name) -> rustix::io::Result<File> {
    let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(&name.directory, &name.name, new, Mode::RUSR | Mode::WUSR).map(File::from)
}

pub(crate) fn fill<R: BufRead>(mut file: File, extent: &Extent, archive: &mut Entries<R>) -> Result<()> {
    let mut at = 0;
    for piece in &extent.pieces {
        if piece.offset != at {
            file.seek(SeekFrom::Start(piece.offset)).doing(|| "seek in it".into())?;
        }
        archive.copy(piece.length, &mut file)?;
        at = piece.offset + piece.length;
    }
    let ends_in_a_hole = extent.pieces.last().is_none_or(|piece| piece.offset + piece.length < extent.length);
    if ends_in_a_hole && extent.length > 0 { file.set_len(extent.length) } else { Ok::<(), io::Error>(()) }
        .doing(|| "set its length".into())
}
