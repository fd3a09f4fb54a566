//! A part of a tree as a plain archive, and such an archive into a tree: for copies into a container's root and out of it,
//! where nothing leads out of the root that is given, whoever changes it meanwhile. Layers are in `growing`.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, Read, Write},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use conex_kernel::{Links, open_inside};
use rustix::{
    fs::{
        AtFlags, CWD, FileType, Mode, OFlags, StatxAttributes, StatxFlags, fstat, linkat, mkdirat, openat, statx,
        unlinkat,
    },
    io::Errno,
};

use crate::{
    Error, Limits, Result,
    archiving::Archiving,
    attributes,
    compression::{Compression, buffered, unpacked},
    entries::Entries,
    entry::{Entry, Extent, Kind, Metadata},
    error::Doing,
    growing::{create, fill, make},
    name::Name,
    rights::Rights,
    tree::{Reading, Tree},
};

/// Writes what is at `start` in a tree as an archive, under the name `name`; of a directory without one, what is in it.
/// Links on the way to it are followed inside the tree, itself it is taken as it is.
pub fn pack(root: BorrowedFd<'_>, start: &Path, name: &Path, into: impl Write) -> Result<()> {
    let mut archive = Archiving::new(into);
    Tree::new(root, Reading::Part { start, name }).write(&mut archive)?;
    archive.finish().and_then(|mut into| into.flush()).doing(|| "write the archive".into())
}

/// Whose the files become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Those that the archive names.
    Kept,
    /// This user's and this group's.
    One(u32, u32),
}

/// A directory, and where its path is looked up.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// What no path leads out of.
    pub root: BorrowedFd<'a>,
    /// The directory, from there.
    pub directory: &'a Path,
    /// What becomes of links on the way to an entry.
    pub links: Links,
}

/// Puts what an archive has, packed or not, into a directory that is there. Directories are merged, and files take the
/// place of files; one in the place of the other is refused.
pub fn unpack(archive: impl Read, place: Place<'_>, owner: Owner) -> Result<()> {
    let mut packed = buffered(archive);
    let content = Compression::of_content(&mut packed).doing(|| "read the archive".into())?;
    let plain = unpacked(packed, content).doing(|| "begin to unpack".into())?;
    let mut entries = Entries::new(buffered(plain), Limits::default());
    let mut copying = Copying { place, owner, rights: Rights::probe(), directories: BTreeMap::new() };
    while let Some(entry) = entries.next()? {
        let put = copying.entry(&entry, &mut entries);
        put.map_err(|error| match error {
            Error::System { doing, error } => {
                Error::System { doing: format!("copy {}: {doing}", entry.path.display()), error }
            }
            error => error,
        })?;
    }
    entries.finish()?;
    copying.finish()
}

struct Copying<'a> {
    place: Place<'a>,
    owner: Owner,
    rights: Rights,
    /// What each becomes once all is in it: a time would change, and one that is closed to us takes nothing.
    directories: BTreeMap<PathBuf, Metadata>,
}

impl Copying<'_> {
    fn entry(&mut self, entry: &Entry, archive: &mut Entries<impl BufRead>) -> Result<()> {
        let refused = |why: &str| Error::Entry { path: entry.path.clone(), why: why.to_owned() };
        let path = clean(&entry.path).ok_or_else(|| refused("a name in it is .."))?;
        if path.as_os_str().is_empty() {
            return Ok(());
        }
        let name = self.name(&path)?;
        let there = name.stat().ok().map(|there| FileType::from_raw_mode(there.st_mode));
        if entry.kind == Kind::Directory {
            match there {
                Some(FileType::Directory) => {}
                Some(_) => return Err(refused("there is a file in the directory's place")),
                None => mkdirat(&name.directory, &name.name, Mode::RWXU).doing(|| "make the directory".into())?,
            }
            self.directories.insert(path, self.owned(&entry.metadata));
            return Ok(());
        }
        match there {
            None | Some(FileType::RegularFile | FileType::Symlink) => {}
            Some(FileType::Directory) => return Err(refused("there is a directory in the file's place")),
            Some(_) => return Err(refused("there is a device, a pipe or a socket in its place")),
        }
        match &entry.kind {
            Kind::HardLink(other) => self.link(&name, other, &refused),
            Kind::File(extent) => self.file(&name, extent, &entry.metadata, archive),
            Kind::CharacterDevice(_) | Kind::BlockDevice(_) if self.owner != Owner::Kept => {
                Err(refused("it is a device, which would be one in its new place, too"))
            }
            kind => self.node(kind, &name, &entry.metadata, archive),
        }
    }

    /// Whoever else may write there can exchange the file under its name: from its birth on it is held.
    fn file(
        &self,
        name: &Name,
        extent: &Extent,
        metadata: &Metadata,
        archive: &mut Entries<impl BufRead>,
    ) -> Result<()> {
        if is_mounted(name) {
            // /etc/hosts, say: it keeps what it is and takes the content alone. Its removal would unmount it.
            return fill(in_place(name).doing(|| "write to what is mounted there".into())?, extent, archive);
        }
        self.clear(name)?;
        let file = create(name).doing(|| "make it".into())?;
        fill(file.try_clone().doing(|| "hold it".into())?, extent, archive)?;
        attributes::set_held(file.as_fd(), &self.owned(metadata), self.rights).doing(|| "set its metadata".into())
    }

    /// What has no content.
    fn node(&self, kind: &Kind, name: &Name, metadata: &Metadata, archive: &mut Entries<impl BufRead>) -> Result<()> {
        self.clear(name)?;
        let exchanged = || Error::system("make it", io::Error::other("somebody else makes the same"));
        if !make(kind, name, archive)? {
            return Err(exchanged());
        }
        let held = hold(name).doing(|| "hold it".into())?;
        let is = fstat(&held).doing(|| "look at it".into())?;
        let same = match (kind, FileType::from_raw_mode(is.st_mode)) {
            (Kind::Symlink(_), FileType::Symlink) | (Kind::Fifo, FileType::Fifo) => true,
            (Kind::CharacterDevice(device), FileType::CharacterDevice)
            | (Kind::BlockDevice(device), FileType::BlockDevice) => is.st_rdev == *device,
            _ => false,
        };
        if !same {
            return Err(exchanged());
        }
        attributes::set_held(held.as_fd(), &self.owned(metadata), self.rights).doing(|| "set its metadata".into())
    }

    /// Takes away what is there, but no mount.
    fn clear(&self, name: &Name) -> Result<()> {
        if is_mounted(name) {
            return Err(Error::system("remove what was there", Errno::BUSY.into()));
        }
        match unlinkat(&name.directory, &name.name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(Error::system("remove what was there", errno.into())),
        }
    }

    fn link(&self, name: &Name, other: &Path, refused: &dyn Fn(&str) -> Error) -> Result<()> {
        let other = clean(other).ok_or_else(|| refused("it links to a name with .. in it"))?;
        let found = self.name(&other)?;
        self.clear(name)?;
        linkat(&found.directory, &found.name, &name.directory, &name.name, AtFlags::empty())
            .doing(|| format!("link it to {}", other.display()))
    }

    /// The place of an entry. Directories that the archive did not mention are made.
    fn name(&self, path: &Path) -> Result<Name> {
        let parent = path.parent().unwrap_or(path);
        let found = match self.open(parent) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                for parent in parent.ancestors().collect::<Vec<_>>().into_iter().rev().skip(1) {
                    let above = self.open(parent.parent().unwrap_or(parent));
                    let made = above.and_then(|above| {
                        let name = parent.file_name().unwrap_or_default();
                        Ok(mkdirat(above, name, Mode::from_raw_mode(0o755))?)
                    });
                    match made {
                        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                        made => made.doing(|| format!("make {}", parent.display()))?,
                    }
                }
                self.open(parent)
            }
            found => found,
        };
        let directory = found.doing(|| "look up its directory".into())?;
        Ok(Name::in_directory(Arc::new(directory), path))
    }

    /// A directory below the place.
    fn open(&self, path: &Path) -> io::Result<OwnedFd> {
        let whole = self.place.directory.join(path);
        let whole = if whole.as_os_str().is_empty() { Path::new(".") } else { &whole };
        open_inside(self.place.root, whole, OFlags::PATH | OFlags::DIRECTORY, self.place.links)
    }

    fn owned(&self, metadata: &Metadata) -> Metadata {
        match self.owner {
            Owner::Kept => metadata.clone(),
            // With another owner they would give his rights to whoever made the content.
            Owner::One(uid, gid) => {
                let attributes = metadata.attributes.iter().filter(|(key, _)| key != b"security.capability");
                let (mode, attributes) = (metadata.mode & !SETS_IDS, attributes.cloned().collect());
                Metadata { uid, gid, mode, attributes, ..metadata.clone() }
            }
        }
    }

    fn finish(self) -> Result<()> {
        // From the deepest up.
        for (path, metadata) in self.directories.iter().rev() {
            let set =
                hold(&self.name(path)?).and_then(|held| attributes::set_held(held.as_fd(), metadata, self.rights));
            set.doing(|| format!("copy {}: set its metadata", path.display()))?;
        }
        Ok(())
    }
}

/// setuid and setgid.
const SETS_IDS: u32 = 0o6000;

/// Whatever a name stands for now, by a descriptor that does nothing but hold it.
fn hold(name: &Name) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(&name.directory, &name.name, flags, Mode::empty())?)
}

/// Whether something is mounted there, also in another mount namespace than ours: to the kernel a removal from outside is
/// reason enough to unmount it. See statx(2).
fn is_mounted(name: &Name) -> bool {
    let asked = statx(&name.directory, &name.name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS);
    asked.is_ok_and(|there| there.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// A file that is there, emptied.
fn in_place(name: &Name) -> io::Result<File> {
    let held = hold(name)?;
    if FileType::from_raw_mode(fstat(&held)?.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("it is no file"));
    }
    let path = Path::new("/proc/self/fd").join(held.as_raw_fd().to_string());
    let flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(openat(CWD, path, flags, Mode::empty())?.into())
}

/// Without what says nothing; `None` if it leads up.
fn clean(path: &Path) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => return None,
            _ => {}
        }
    }
    Some(clean)
}
