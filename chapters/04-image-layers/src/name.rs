//! Names in archives, and where in a layer they lead: a path is taken apart before it is used, parents are looked up
//! inside the layer's root, and the last name is never followed. See openat2(2).

use std::{
    ffi::{OsStr, OsString},
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    sync::Arc,
};

use conex_kernel::{Links, open_inside};
use rustix::fs::{AtFlags, FileType, OFlags, Stat, statat};

/// A name in an opened directory of a layer.
pub(crate) struct Name {
    pub(crate) directory: Arc<OwnedFd>,
    pub(crate) name: OsString,
}

/// What an archive's name means in the file system of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Something that is there; the empty path is the root.
    Path(PathBuf),
    /// What lower layers have there is gone.
    Whiteout(PathBuf),
    /// What lower layers have in this directory is gone.
    Opaque(PathBuf),
    /// A private note of a file system that made layers once.
    Nothing,
}

// ANCHOR: meaning
/// The meaning of an archive's name, or why it has none. `/` in front and `.` in between say nothing.
#[doc(alias = "exercise:image.names")]
pub(crate) fn meaning(path: &Path) -> Result<Meaning, &'static str> {
    use std::{os::unix::ffi::OsStrExt, path::Component};

    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            Component::ParentDir => return Err("a name in it is .."),
            Component::Normal(name) => clean.push(name),
        }
    }
    let marked = |name: &OsStr| name.as_bytes().starts_with(b".wh.");
    let parent = clean.parent().unwrap_or(Path::new("")).to_owned();
    if clean.iter().any(|name| name != ".wh..wh..opq" && name.as_bytes().starts_with(b".wh..wh.")) {
        return Ok(Meaning::Nothing);
    }
    if parent.iter().any(marked) {
        return Err("it lies in something that is deleted");
    }
    let last = clean.file_name().unwrap_or_default().as_bytes().to_vec();
    match last.strip_prefix(b".wh.") {
        None => Ok(Meaning::Path(clean)),
        Some(b".wh..opq") => Ok(Meaning::Opaque(parent)),
        Some(b"" | b"." | b"..") => Err("it deletes nothing that has a name"),
        Some(name) => Ok(Meaning::Whiteout(parent.join(OsStr::from_bytes(name)))),
    }
}
// ANCHOR_END: meaning

/// Opens the directory `path` in the layer; links on the way, and at its end, are followed inside the layer.
pub(crate) fn open_directory(root: BorrowedFd<'_>, path: &Path) -> io::Result<OwnedFd> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    open_inside(root, path, OFlags::PATH | OFlags::DIRECTORY, Links::FollowInside)
}

impl Name {
    /// The place of a clean path, whose directory must be there.
    pub(crate) fn find(root: BorrowedFd<'_>, path: &Path) -> io::Result<Self> {
        let directory = open_directory(root, path.parent().unwrap_or(path))?;
        Ok(Self::in_directory(directory.into(), path))
    }

    /// The last name of a clean path, in its directory.
    pub(crate) fn in_directory(directory: Arc<OwnedFd>, path: &Path) -> Self {
        Self { directory, name: path.file_name().unwrap_or(OsStr::new(".")).to_owned() }
    }

    pub(crate) fn stat(&self) -> rustix::io::Result<Stat> {
        statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// For the calls that take no descriptor; only the last name is not resolved yet.
    pub(crate) fn beneath(&self) -> PathBuf {
        Path::new("/proc/self/fd").join(self.directory.as_raw_fd().to_string()).join(&self.name)
    }

    pub(crate) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

/// Whether this is how an overlay says that something is gone.
pub(crate) fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

pub(crate) fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> Result<Meaning, &'static str> {
        meaning(Path::new(name))
    }

    #[test]
    fn names_are_cleaned() {
        for name in ["a/b", "./a/b", "/a/b", "a//b/", "a/./b"] {
            assert_eq!(path(name), Ok(Meaning::Path("a/b".into())), "{name}");
        }
        for name in ["", ".", "/", "./"] {
            assert_eq!(path(name), Ok(Meaning::Path("".into())), "{name}");
        }
        for name in ["..", "a/..", "../a", "/../a", "a/../../b"] {
            assert_eq!(path(name), Err("a name in it is .."), "{name}");
        }
    }

    #[test]
    fn marks_are_told_from_names() {
        assert_eq!(path("a/.wh.b"), Ok(Meaning::Whiteout("a/b".into())));
        assert_eq!(path(".wh.b"), Ok(Meaning::Whiteout("b".into())));
        assert_eq!(path("a/.wh..wh..opq"), Ok(Meaning::Opaque("a".into())));
        assert_eq!(path(".wh..wh..opq"), Ok(Meaning::Opaque("".into())));
        for name in [".wh..wh.plnk", ".wh..wh.plnk/1.2", ".wh..wh.aufs", "a/.wh..wh.orph/b"] {
            assert_eq!(path(name), Ok(Meaning::Nothing), "{name}");
        }
        for name in [".wh.", "a/.wh.", ".wh..", "a/.wh...", ".wh.a/b"] {
            assert!(path(name).is_err(), "{name}");
        }
        assert_eq!(path("a/x.wh.b"), Ok(Meaning::Path("a/x.wh.b".into())));
    }
}
