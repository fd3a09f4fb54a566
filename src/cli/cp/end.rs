//! One end of a copy, and which name what is copied gets at the other: docker's table. See docker's container_cp.md.

use std::{
    ffi::OsStr,
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Component, Path, PathBuf},
};

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat, readlinkat};

use crate::{
    Failure, Result,
    kernel::{Links, open_inside},
};

/// What a user wrote.
pub(super) enum Word<'a> {
    /// A container, and a path from its root.
    Container(&'a str, &'a str),
    /// A path of ours.
    Local(&'a str),
    /// Our standard input or output.
    Stream,
}

impl<'a> Word<'a> {
    /// A path of ours that has a colon in it begins with `/` or `.`.
    pub(super) fn parse(text: &'a str) -> Self {
        match text.split_once(':') {
            _ if text == "-" => Self::Stream,
            Some((container, path)) if !container.is_empty() && !text.starts_with(['/', '.']) => {
                Self::Container(container, path)
            }
            _ => Self::Local(text),
        }
    }
}

/// The root directory of the host.
pub(super) fn host() -> Result<OwnedFd> {
    let opened = openat(CWD, "/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    opened.map_err(|errno| Failure::io("open /", &errno.into()))
}

/// A place in a tree.
pub(super) struct End<'a> {
    pub(super) root: BorrowedFd<'a>,
    /// From the root, without `..`.
    pub(super) path: PathBuf,
    /// What is there.
    pub(super) kind: Option<Kind>,
    /// As the user wrote it.
    text: String,
    /// Its own name, whatever link it is; none of a root, and none of whose content alone is meant.
    base: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    /// Or a link.
    File,
    /// A device, a pipe or a socket.
    Special,
}

impl<'a> End<'a> {
    /// What is copied. A link is, unless it is to be followed or written with a slash behind.
    pub(super) fn source(root: BorrowedFd<'a>, text: &str, follow: bool) -> Result<Self> {
        let content = text == "." || text.ends_with("/.");
        let mut end = Self::find(root, text, follow || content || text.ends_with('/'))?;
        match end.kind {
            None => return Err(Failure::new(format!("there is no {text}"))),
            Some(Kind::File | Kind::Special) if content || text.ends_with('/') => {
                return Err(Failure::new(format!("{text} is no directory")));
            }
            _ if content => end.base = PathBuf::new(),
            _ => {}
        }
        Ok(end)
    }

    /// Where it goes.
    pub(super) fn destination(root: BorrowedFd<'a>, text: &str) -> Result<Self> {
        Self::find(root, text, true)
    }

    fn find(root: BorrowedFd<'a>, text: &str, follow: bool) -> Result<Self> {
        let failed = |error: io::Error| Failure::io(format_args!("look up {text}"), &error);
        let mut path = clean(Path::new(text));
        let base = path.file_name().map(PathBuf::from).unwrap_or_default();
        for _ in 0..LINKS_MAX {
            let Some(there) = open(root, &path, OFlags::NOFOLLOW).map_err(failed)? else {
                return Ok(Self { root, path, kind: None, text: text.to_owned(), base });
            };
            let kind = FileType::from_raw_mode(fstat(&there).map_err(|errno| failed(errno.into()))?.st_mode);
            if kind == FileType::Symlink && follow {
                let target = readlinkat(&there, "", Vec::new()).map_err(|errno| failed(errno.into()))?;
                let parent = path.parent().unwrap_or(Path::new("")).to_owned();
                path = clean(&parent.join(OsStr::from_bytes(target.to_bytes())));
                continue;
            }
            let kind = Some(match kind {
                FileType::Directory => Kind::Directory,
                FileType::RegularFile | FileType::Symlink => Kind::File,
                _ => Kind::Special,
            });
            return Ok(Self { root, path, kind, text: text.to_owned(), base });
        }
        Err(failed(rustix::io::Errno::LOOP.into()))
    }

    /// What it is called in an archive.
    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// The directory that a copy of `from` goes to, and its name there; without one, what is in it goes there.
    pub(super) fn names<'b>(&'b self, from: &'b End<'_>) -> Result<(&'b Path, &'b Path)> {
        let parent = self.path.parent().unwrap_or(Path::new(""));
        let name = self.path.file_name().map_or(Path::new(""), Path::new);
        match (from.kind, self.kind) {
            (_, Some(Kind::Directory)) => Ok((&self.path, &from.base)),
            (_, Some(Kind::Special)) => {
                let failure = Failure::new(format!("{} is a device, a pipe or a socket", self.text));
                Err(failure.with_hint("cp would replace it; conex cp CONTAINER:PATH - writes to standard output"))
            }
            (Some(Kind::Directory), Some(Kind::File)) => {
                Err(Failure::new(format!("{} is a file, and {} a directory", self.text, from.text)))
            }
            (_, Some(Kind::File)) if self.text.ends_with('/') => {
                Err(Failure::new(format!("{} is no directory", self.text)))
            }
            (Some(Kind::File | Kind::Special), None) if self.text.ends_with('/') => {
                let failure = Failure::new(format!("there is no directory {}", self.text));
                Err(failure.with_hint("cp makes none for a file"))
            }
            _ => {
                let is_there = open(self.root, parent, OFlags::DIRECTORY).is_ok_and(|parent| parent.is_some());
                let failure = || Failure::new(format!("there is no directory /{}", parent.display()));
                if is_there { Ok((parent, name)) } else { Err(failure().with_hint("cp makes none on the way")) }
            }
        }
    }

    /// A directory of this tree, opened.
    pub(super) fn open(&self, directory: &Path) -> Result<OwnedFd> {
        let opened = open(self.root, directory, OFlags::DIRECTORY)
            .and_then(|opened| opened.ok_or(io::ErrorKind::NotFound.into()));
        opened.map_err(|error| Failure::io(format_args!("open /{}", directory.display()), &error))
    }
}

/// As many as the kernel follows.
const LINKS_MAX: u32 = 40;

/// Links on the way are followed inside the root.
fn open(root: BorrowedFd<'_>, path: &Path, flags: OFlags) -> io::Result<Option<OwnedFd>> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    match open_inside(root.as_fd(), path, OFlags::PATH | flags, Links::FollowInside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

/// From the root, without what says nothing; `..` takes the name before it away, as docker has it.
fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => _ = clean.pop(),
            _ => {}
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_tells_a_container_from_a_path() {
        assert!(matches!(Word::parse("web:/etc"), Word::Container("web", "/etc")));
        assert!(matches!(Word::parse("web:"), Word::Container("web", "")));
        for local in ["/a:b", "./a:b", "../a:b", "a", ":a"] {
            assert!(matches!(Word::parse(local), Word::Local(_)), "{local}");
        }
        assert!(matches!(Word::parse("-"), Word::Stream));
    }

    #[test]
    fn paths_begin_at_the_root() {
        for (text, path) in [("/a/b/", "a/b"), ("a/./b", "a/b"), ("../../a", "a"), ("a/../b", "b"), ("/", ""), ("", "")]
        {
            assert_eq!(clean(Path::new(text)), Path::new(path), "{text}");
        }
    }
}
