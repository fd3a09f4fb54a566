//! What a container changed in its image, read back from its upper directory. See the kernel's overlayfs.rst.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    fmt, io,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use conex_kernel::{Error, Result};

use crate::{
    NAME,
    compare::{Below, compare},
    directory,
    entry::{Entry, entry},
    lookup::visible,
    marks::Marks,
};

/// What happened to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// The image has nothing there.
    Added,
    /// The image has something there: its content, its metadata or what lies in it changed.
    Changed,
    /// The image's is gone.
    Deleted,
}

/// One change, told as `docker diff` does: `A /etc/new`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Inside the container, absolute.
    pub path: PathBuf,
    /// What happened to it.
    pub kind: ChangeKind,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = match self.kind {
            ChangeKind::Added => 'A',
            ChangeKind::Changed => 'C',
            ChangeKind::Deleted => 'D',
        };
        write!(f, "{letter} {}", self.path.display())
    }
}

/// An upper and the layers below it, the topmost first.
pub(crate) struct Upper {
    pub(crate) directory: OwnedFd,
    pub(crate) layers: Vec<OwnedFd>,
    pub(crate) marks: Marks,
}

/// A directory that is still to be looked at.
struct Next {
    /// Relative to the root; `.` for the root itself.
    path: PathBuf,
    /// The layers that have it, too.
    layers: Vec<usize>,
    below: Below,
}

impl Upper {
    /// All changes, sorted by path.
    pub(crate) fn changes(&self) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        let layers = (0..self.layers.len()).collect();
        // A list and not a recursion: nobody can make it deeper than our stack, or take all our descriptors.
        let mut left = vec![Next { path: ".".into(), layers, below: Below::Merged }];
        while let Some(next) = left.pop() {
            let found = self.one_directory(&next, &mut left);
            let operation = || format!("read {} of the upper directory", next.path.display());
            let found = found.map_err(|error| Error::new(NAME, operation(), &error))?;
            let whole =
                |name: &OsString| Path::new("/").join(next.path.strip_prefix(".").unwrap_or(&next.path)).join(name);
            changes.extend(found.into_iter().map(|(name, kind)| Change { path: whole(&name), kind }));
        }
        changes.sort_unstable();
        Ok(changes)
    }

    fn one_directory(&self, next: &Next, left: &mut Vec<Next>) -> io::Result<BTreeMap<OsString, ChangeKind>> {
        let directory = directory::open_below(self.directory.as_fd(), &next.path)?;
        let lower = Lower::open(self, next)?;
        let mut upper = BTreeMap::new();
        for name in directory::names(directory.as_fd())? {
            let Some(found) = entry(directory.as_fd(), &name, self.marks)? else { continue };
            if matches!(found, Entry::Directory | Entry::OpaqueDirectory) {
                self.refuse_redirect(&directory, &name)?;
                let hidden = next.below == Below::Hidden || found == Entry::OpaqueDirectory;
                let below = if hidden { Below::Hidden } else { Below::Merged };
                left.push(Next { path: next.path.join(&name), layers: lower.directories(&name)?, below });
            }
            upper.insert(name, found);
        }
        let names = lower.names(&upper, next.below)?;
        Ok(compare(&upper, &names, next.below))
    }

    /// Ours have none: they are made with `redirect_dir=nofollow`, by which a directory is renamed by copying it.
    fn refuse_redirect(&self, directory: &OwnedFd, name: &OsString) -> io::Result<()> {
        match self.marks.read(directory.as_fd(), name, "redirect")? {
            None => Ok(()),
            Some(_) => {
                let text = format!("{} was renamed with redirect_dir=on, which is not ours", name.display());
                Err(io::Error::other(text))
            }
        }
    }
}

/// The same directory in the layers below, opened for as long as it is compared: the topmost first.
struct Lower {
    directories: Vec<(usize, OwnedFd)>,
    marks: Marks,
}

impl Lower {
    fn open(upper: &Upper, next: &Next) -> io::Result<Self> {
        let open = |layer: &usize| Ok((*layer, directory::open_below(upper.layers[*layer].as_fd(), &next.path)?));
        let directories = next.layers.iter().map(open).collect::<io::Result<_>>()?;
        Ok(Self { directories, marks: upper.marks })
    }

    /// What each has under this name, and which of them are seen.
    fn look_up(&self, name: &OsStr) -> io::Result<(Vec<Option<Entry>>, Vec<usize>)> {
        let stack = self.directories.iter().map(|(_, directory)| entry(directory.as_fd(), name, self.marks));
        let stack = stack.collect::<io::Result<Vec<_>>>()?;
        let seen = visible(&stack);
        Ok((stack, seen))
    }

    /// The layers in which this name is a directory that is seen.
    fn directories(&self, name: &OsStr) -> io::Result<Vec<usize>> {
        let (stack, seen) = self.look_up(name)?;
        let seen = seen.into_iter().filter(|at| stack[*at] != Some(Entry::File));
        Ok(seen.map(|at| self.directories[at].0).collect())
    }

    /// The names that the image has here: of the upper's or, if those hide others, of all.
    fn names(&self, upper: &BTreeMap<OsString, Entry>, below: Below) -> io::Result<BTreeSet<OsString>> {
        let mut asked: BTreeSet<OsString> = upper.keys().cloned().collect();
        if below == Below::Hidden {
            for (_, directory) in &self.directories {
                asked.extend(directory::names(directory.as_fd())?);
            }
        }
        let mut names = BTreeSet::new();
        for name in asked {
            if !self.look_up(&name)?.1.is_empty() {
                names.insert(name);
            }
        }
        Ok(names)
    }
}
