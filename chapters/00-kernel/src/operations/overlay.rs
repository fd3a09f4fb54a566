//! An overlay: many directories seen as one, of which the topmost can be written to. The kernel is told of each by a
//! descriptor, or by a descriptor's name: neither a long path nor a colon in one can confuse it.
//!
//! See Documentation/filesystems/overlayfs.rst of the kernel, fsconfig(2) and, for old kernels, mount(2).

use std::{
    fmt, io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{CWD, Mode, OFlags, StatVfsMountFlags, fstatvfs, openat},
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_fd, fsconfig_set_flag,
        fsconfig_set_string, fsmount, fsopen, open_tree,
    },
    process::{Gid, Uid, getegid, geteuid},
    thread::{capabilities, set_capabilities, set_thread_res_gid, set_thread_res_uid},
};

use super::{page, tree::pretended};
use crate::{Equivalent, Operation, operations::Filesystem, sys};

/// How the kernel is told of an overlay's directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayersBy {
    /// One after the other, by descriptor; a descriptor may be of a mount that is attached nowhere.
    Descriptor,
    /// One after the other, by the descriptor's name in /proc.
    Name,
    /// All at once, in the one page of options that mount(2) takes. The overlay has to be attached for a moment, so
    /// whoever makes it must have a mount namespace of his own.
    Page,
}

impl LayersBy {
    /// The best way that a kernel (major, minor) knows.
    pub fn of(kernel: (u32, u32)) -> Self {
        match kernel {
            (0..=5, _) | (6, 0..=6) => Self::Page,
            (6, 7..=14) => Self::Name,
            _ => Self::Descriptor,
        }
    }

    /// How many lower directories certainly become an overlay that is never attached.
    pub fn detached_max(self) -> usize {
        match self {
            // One option has 256 bytes, and a descriptor's number up to three digits.
            Self::Page => 60,
            _ => 500,
        }
    }
}

/// Makes an overlay that is attached nowhere yet. Its file system has an option `lowerdir+=PATH` for each lower directory,
/// the topmost first, and `upperdir=PATH` and `workdir=PATH`, beside each other, if it can be written to.
pub struct MakeOverlay<'a> {
    /// What to make.
    pub filesystem: &'a Filesystem,
    /// How the kernel is told of its directories.
    pub by: LayersBy,
    /// Through whose id map all files are seen; by descriptor only.
    pub seen_by: Option<SeenBy<'a>>,
}

/// A user namespace with a map, and who its root is outside.
#[derive(Clone, Copy)]
pub struct SeenBy<'a> {
    /// The namespace.
    pub namespace: BorrowedFd<'a>,
    /// Its root's user id, here.
    pub uid: u32,
    /// Its root's group id, here.
    pub gid: u32,
}

impl fmt::Display for MakeOverlay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layers = self.filesystem.options.iter().filter(|option| option.starts_with(LOWER)).count();
        let mapped = if self.seen_by.is_some() { ", idmap" } else { "" };
        write!(f, "fsmount overlay of {layers} lower directories{mapped}")
    }
}

impl Operation for MakeOverlay<'_> {
    type Output = OwnedFd;

    fn run(&self) -> io::Result<OwnedFd> {
        // A tree that is attached nowhere is gone with its descriptor, whatever is open in it.
        let mut writable = None;
        let settings = self.settings(&mut writable)?;
        let made = match (self.by, &self.seen_by) {
            (LayersBy::Page, _) => page::make(self.filesystem, &settings),
            (by, None) => one_by_one(self.filesystem, &settings, by),
            (by, Some(seen_by)) => seen_by.make(|| one_by_one(self.filesystem, &settings, by)),
        };
        self.expect_writable(made?)
    }

    fn pretend(&self) -> io::Result<OwnedFd> {
        pretended()
    }

    fn command(&self) -> Equivalent {
        Equivalent::None("mount(8) cannot make a file system without attaching it; the line that attaches it does both")
    }
}

pub(super) const LOWER: &str = "lowerdir+=";

/// An option, with the directory that it names opened.
pub(super) enum Setting<'a> {
    Directory(&'a str, OwnedFd),
    Value(&'a str, &'a str),
    Flag(&'a str),
}

impl MakeOverlay<'_> {
    /// `writable` becomes the mount that upper and work both lie in, if they need one of their own.
    fn settings(&self, writable: &mut Option<OwnedFd>) -> io::Result<Vec<Setting<'_>>> {
        let mut settings = Vec::with_capacity(self.filesystem.options.len());
        for option in &self.filesystem.options {
            settings.push(match option.split_once('=') {
                Some((key @ "lowerdir+", path)) => Setting::Directory(key, self.open(Path::new(path))?),
                Some((key @ ("upperdir" | "workdir"), path)) => {
                    Setting::Directory(key, self.open_beside(Path::new(path), writable)?)
                }
                Some((key, value)) => Setting::Value(key, value),
                None => Setting::Flag(option),
            });
        }
        Ok(settings)
    }

    /// The kernel makes one that can only be read, and no error, if it can't write into the work directory.
    fn expect_writable(&self, made: OwnedFd) -> io::Result<OwnedFd> {
        let to_be_written = self.filesystem.options.iter().any(|option| option.starts_with("upperdir="))
            && !self.filesystem.attributes.contains(MountAttrFlags::MOUNT_ATTR_RDONLY);
        if to_be_written && fstatvfs(&made)?.f_flag.contains(StatVfsMountFlags::RDONLY) {
            return Err(io::Error::other("nothing can be written in its work directory; the disk may be full"));
        }
        Ok(made)
    }

    /// A directory by its own name: what a link leads to is not what was meant.
    fn open(&self, path: &Path) -> io::Result<OwnedFd> {
        match self.seen_by {
            None => Ok(openat(CWD, path, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?),
            Some(seen_by) => mapped(path, seen_by.namespace),
        }
    }

    fn open_beside(&self, path: &Path, writable: &mut Option<OwnedFd>) -> io::Result<OwnedFd> {
        let (Some(seen_by), Some(parent), Some(name)) = (self.seen_by, path.parent(), path.file_name()) else {
            return self.open(path);
        };
        let tree = match writable {
            Some(tree) => tree,
            None => writable.insert(mapped(parent, seen_by.namespace)?),
        };
        Ok(openat(tree, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?)
    }
}

impl SeenBy<'_> {
    /// The kernel writes to an upper as whoever made the overlay. Through the map it can do so only as somebody whom the
    /// map has: we are that for a moment, with all our capabilities.
    fn make(&self, make: impl FnOnce() -> io::Result<OwnedFd>) -> io::Result<OwnedFd> {
        let ours = capabilities(None)?;
        let (uid, gid) = (geteuid(), getegid());
        set_thread_res_gid(None, Gid::from_raw(self.gid), None)?;
        let made = set_thread_res_uid(None, Uid::from_raw(self.uid), None)
            .and_then(|()| set_capabilities(None, ours))
            .map_err(io::Error::from)
            .and_then(|()| make());
        set_thread_res_uid(None, uid, None)?;
        set_thread_res_gid(None, gid, None)?;
        set_capabilities(None, ours)?;
        made
    }
}

pub(super) const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A mount of a directory that shows its files through an id map.
fn mapped(path: &Path, id_map: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
    let tree = open_tree(CWD, path, flags)?;
    let attributes = libc::mount_attr {
        attr_set: u64::from(MountAttrFlags::MOUNT_ATTR_IDMAP.bits()),
        attr_clr: 0,
        propagation: libc::MS_PRIVATE,
        userns_fd: id_map.as_raw_fd() as u64,
    };
    sys::mount_setattr(tree.as_fd(), false, &attributes)?;
    Ok(tree)
}

fn one_by_one(filesystem: &Filesystem, settings: &[Setting<'_>], by: LayersBy) -> io::Result<OwnedFd> {
    let context = fsopen(filesystem.kind.as_str(), FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(context.as_fd(), "source", filesystem.source.as_str())?;
    for setting in settings {
        match setting {
            Setting::Directory(key, fd) if by == LayersBy::Descriptor => fsconfig_set_fd(context.as_fd(), *key, fd)?,
            Setting::Directory(key, fd) => {
                fsconfig_set_string(context.as_fd(), *key, format!("/proc/self/fd/{}", fd.as_raw_fd()))?;
            }
            Setting::Value(key, value) => fsconfig_set_string(context.as_fd(), *key, *value)?,
            Setting::Flag(key) => fsconfig_set_flag(context.as_fd(), *key)?,
        }
    }
    fsconfig_create(context.as_fd())?;
    Ok(fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, filesystem.attributes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kernel_is_told_in_its_best_way() {
        for (kernel, by) in [
            ((5, 15), LayersBy::Page),
            ((6, 1), LayersBy::Page),
            ((6, 7), LayersBy::Name),
            ((6, 12), LayersBy::Name),
            ((6, 15), LayersBy::Descriptor),
            ((7, 0), LayersBy::Descriptor),
        ] {
            assert_eq!(LayersBy::of(kernel), by, "{kernel:?}");
        }
    }
}
