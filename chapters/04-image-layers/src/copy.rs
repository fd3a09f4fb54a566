//! A part of a tree as a plain archive, and such an archive into a tree: for copies into a container's root and out of it,
//! where nothing leads out of the root that is given, whoever changes it meanwhile. Layers are in `growing`.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Read, Write},
    os::fd::BorrowedFd,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use conex_kernel::{Links, open_inside};
use rustix::{
    fs::{AtFlags, Mode, OFlags, linkat, mkdirat, openat, unlinkat},
    io::Errno,
};

use crate::{
    Error, Limits, Result,
    archiving::Archiving,
    attributes,
    compression::{Compression, buffered, unpacked},
    entries::Entries,
    entry::{Entry, Kind, Metadata},
    error::Doing,
    growing::{fill, make},
    name::{Name, Others, is_directory},
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
        let there = name.stat().ok();
        let metadata = self.owned(&entry.metadata);
        if entry.kind == Kind::Directory {
            match there {
                Some(there) if is_directory(&there) => {}
                Some(_) => return Err(refused("there is a file in the directory's place")),
                None => mkdirat(&name.directory, &name.name, Mode::RWXU).doing(|| "make the directory".into())?,
            }
            self.directories.insert(path, metadata);
            return Ok(());
        }
        if there.is_some_and(|there| is_directory(&there)) {
            return Err(refused("there is a directory in the file's place"));
        }
        if let Kind::HardLink(other) = &entry.kind {
            return self.link(&name, other, &refused);
        }
        if !make(&entry.kind, &name, archive)? && !self.replace(&entry.kind, &name, archive)? {
            // A mount point, such as /etc/hosts, keeps what it is and takes the content alone.
            return Ok(());
        }
        attributes::set(&name, &metadata, self.rights).doing(|| "set its metadata".into())
    }

    /// Takes away what is there and makes the other; `false` if only its content could be changed.
    fn replace(&self, kind: &Kind, name: &Name, archive: &mut Entries<impl BufRead>) -> Result<bool> {
        match (unlinkat(&name.directory, &name.name, AtFlags::empty()), kind) {
            (Err(Errno::BUSY), Kind::File(extent)) => {
                let flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let file = openat(&name.directory, &name.name, flags, Mode::empty()).doing(|| "open it".into())?;
                fill(file.into(), extent, archive).map(|()| false)
            }
            (Ok(()) | Err(Errno::NOENT), _) => make(kind, name, archive),
            (Err(errno), _) => Err(Error::system("remove what was there", errno.into())),
        }
    }

    fn link(&self, name: &Name, other: &Path, refused: &dyn Fn(&str) -> Error) -> Result<()> {
        let other = clean(other).ok_or_else(|| refused("it links to a name with .. in it"))?;
        let found = self.name(&other)?;
        match unlinkat(&name.directory, &name.name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(Error::system("remove what was there", errno.into())),
        }
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
        Ok(Name { others: Others::Container, ..Name::in_directory(Arc::new(directory), path) })
    }

    /// A directory below the place.
    fn open(&self, path: &Path) -> io::Result<std::os::fd::OwnedFd> {
        let whole = self.place.directory.join(path);
        let whole = if whole.as_os_str().is_empty() { Path::new(".") } else { &whole };
        open_inside(self.place.root, whole, OFlags::PATH | OFlags::DIRECTORY, self.place.links)
    }

    fn owned(&self, metadata: &Metadata) -> Metadata {
        match self.owner {
            Owner::Kept => metadata.clone(),
            Owner::One(uid, gid) => Metadata { uid, gid, ..metadata.clone() },
        }
    }

    fn finish(self) -> Result<()> {
        // From the deepest up.
        for (path, metadata) in self.directories.iter().rev() {
            let set = attributes::set(&self.name(path)?, metadata, self.rights);
            set.doing(|| format!("copy {}: set its metadata", path.display()))?;
        }
        Ok(())
    }
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
