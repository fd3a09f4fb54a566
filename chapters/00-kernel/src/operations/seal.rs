//! What a container may see of its own root but not read, or not write. See mount_setattr(2).
//!
//! Every path is resolved once, without following links, and used by descriptor; what does not exist is skipped, since
//! not every kernel has every file.

use std::{
    fmt, io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{FileType, OFlags, fstat, makedev},
    mount::{MountAttrFlags, MoveMountFlags, OpenTreeFlags, move_mount, open_tree},
};

use crate::{
    Equivalent, Links, Operation, Root, open_inside,
    operations::{Filesystem, attribute_names},
    quoted, sys,
};

fn find(root: Root<'_>, path: &Path) -> io::Result<Option<OwnedFd>> {
    match open_inside(root.fd, path, OFlags::PATH, Links::Refuse) {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        other => other.map(Some),
    }
}

fn clone_of(point: &OwnedFd) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    Ok(open_tree(point, "", flags | OpenTreeFlags::AT_RECURSIVE)?)
}

fn set(tree: &OwnedFd, attributes: MountAttrFlags) -> io::Result<()> {
    let attributes =
        libc::mount_attr { attr_set: u64::from(attributes.bits()), attr_clr: 0, propagation: 0, userns_fd: 0 };
    sys::mount_setattr(tree.as_fd(), false, &attributes)
}

fn attach(tree: &OwnedFd, point: &OwnedFd) -> io::Result<()> {
    let by_descriptor = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(move_mount(tree, "", point, "", by_descriptor)?)
}

/// Binds a path inside the root onto itself with more attributes: how /proc/sys becomes read-only.
///
/// Gives `false` where the path does not exist: not every kernel has every file.
pub struct RebindInside<'a> {
    /// The container's root.
    pub root: Root<'a>,
    /// What to cover.
    pub path: &'a Path,
    /// Attributes to add.
    pub attributes: MountAttrFlags,
    /// Attributes that the mount below has, for words: remount forgets those that it is not told.
    pub inherited: MountAttrFlags,
}

impl fmt::Display for RebindInside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mount {} on itself, {}", self.path.display(), attribute_names(self.attributes).join(","))
    }
}

impl Operation for RebindInside<'_> {
    type Output = bool;

    fn run(&self) -> io::Result<bool> {
        let Some(point) = find(self.root, self.path)? else { return Ok(false) };
        let tree = clone_of(&point)?;
        set(&tree, self.attributes)?;
        attach(&tree, &point)?;
        Ok(true)
    }

    fn pretend(&self) -> io::Result<bool> {
        Ok(true)
    }

    fn command(&self) -> Equivalent {
        let said = self.root.said(self.path);
        let path = quoted(&said.to_string_lossy());
        let options = attribute_names(self.attributes | self.inherited).join(",");
        Equivalent::exact(format!(
            "[ ! -e {path} ] || {{ mount --rbind {path} {path} && mount -o remount,bind,{options} {path}; }}"
        ))
    }
}

/// Adds attributes to a mount inside the root once what lies below it is in place.
pub struct RemountInside<'a> {
    /// The container's root.
    pub root: Root<'a>,
    /// The mount point.
    pub path: &'a Path,
    /// All attributes that it shall have.
    pub attributes: MountAttrFlags,
}

impl fmt::Display for RemountInside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "remount {} {}", self.path.display(), attribute_names(self.attributes).join(","))
    }
}

impl Operation for RemountInside<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        set(&open_inside(self.root.fd, self.path, OFlags::PATH, Links::Refuse)?, self.attributes)
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        let said = self.root.said(self.path);
        let options = attribute_names(self.attributes).join(",");
        Equivalent::exact(format!("mount -o remount,bind,{options} {}", quoted(&said.to_string_lossy())))
    }
}

/// Covers a file with the container's own /dev/null, a directory with an empty read-only file system.
pub struct Mask<'a> {
    /// The container's root.
    pub root: Root<'a>,
    /// What to cover.
    pub path: &'a Path,
}

impl fmt::Display for Mask<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mask {}", self.path.display())
    }
}

/// The null device's number.
const NULL: (u32, u32) = (1, 3);

impl Mask<'_> {
    /// The container's /dev/null, if it really is one: an image may have put a link there (CVE-2025-31133).
    fn null(&self) -> io::Result<OwnedFd> {
        let null = open_inside(self.root.fd, Path::new("/dev/null"), OFlags::PATH, Links::Refuse)?;
        let stat = fstat(&null)?;
        let is_device = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice;
        if is_device && stat.st_rdev == makedev(NULL.0, NULL.1) {
            return clone_of(&null);
        }
        Err(io::Error::other("the container's /dev/null is not the null device"))
    }
}

impl Operation for Mask<'_> {
    type Output = bool;

    fn run(&self) -> io::Result<bool> {
        let Some(point) = find(self.root, self.path)? else { return Ok(false) };
        let is_directory = FileType::from_raw_mode(fstat(&point)?.st_mode) == FileType::Directory;
        let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY;
        let cover = match is_directory {
            true => Filesystem { kind: "tmpfs".into(), source: "tmpfs".into(), options: Vec::new(), attributes }
                .detached()?,
            false => self.null()?,
        };
        attach(&cover, &point)?;
        Ok(true)
    }

    fn pretend(&self) -> io::Result<bool> {
        Ok(true)
    }

    fn command(&self) -> Equivalent {
        let path = quoted(&self.root.said(self.path).to_string_lossy());
        let null = quoted(&self.root.said(Path::new("/dev/null")).to_string_lossy());
        Equivalent::exact(format!(
            "if [ -d {path} ]; then mount -t tmpfs tmpfs {path} && mount -o remount,bind,ro {path}; elif [ -e {path} ]; then mount --bind {null} {path}; fi"
        ))
    }
}
