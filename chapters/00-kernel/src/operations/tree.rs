//! Trees of mounts that exist already: cloned (a bind mount that is attached nowhere yet), changed, attached.
//!
//! See open_tree(2), mount_setattr(2), move_mount(2).

use std::{
    fmt, io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::CWD,
    mount::{MountAttrFlags, MoveMountFlags, OpenTreeFlags, move_mount, open_tree},
};

use crate::{Equivalent, Kind, Links, Operation, Root, inside, operations::attribute_names, quoted, sys};

/// Clones the mounts below `source`: a bind mount that is not attached anywhere yet.
pub struct CloneTree<'a> {
    /// A path on the host.
    pub source: &'a Path,
    /// Whether mounts below come along.
    pub recursive: bool,
}

impl fmt::Display for CloneTree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "open_tree {}", self.source.display())
    }
}

impl Operation for CloneTree<'_> {
    type Output = OwnedFd;

    fn run(&self) -> io::Result<OwnedFd> {
        let depth = if self.recursive { OpenTreeFlags::AT_RECURSIVE } else { OpenTreeFlags::empty() };
        Ok(open_tree(CWD, self.source, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | depth)?)
    }

    fn pretend(&self) -> io::Result<OwnedFd> {
        pretended()
    }

    fn command(&self) -> Equivalent {
        Equivalent::None("mount(8) cannot clone a mount without attaching it; the line that attaches it does both")
    }
}

/// A descriptor for dry runs.
pub(super) fn pretended() -> io::Result<OwnedFd> {
    Ok(std::fs::File::open("/dev/null")?.into())
}

/// Changes the mounts of a detached tree: private, with more attributes, seen through a user namespace's id map.
pub struct SetTree<'a> {
    /// The tree.
    pub tree: BorrowedFd<'a>,
    /// What it was cloned from, for words.
    pub source: &'a Path,
    /// Attributes to add.
    pub attributes: MountAttrFlags,
    /// Shows files as owned through this user namespace's map (an id-mapped mount).
    pub id_map: Option<BorrowedFd<'a>>,
    /// Whether mounts below are changed too.
    pub recursive: bool,
}

impl fmt::Display for SetTree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mount_setattr private")?;
        for name in attribute_names(self.attributes) {
            write!(f, ",{name}")?;
        }
        write!(f, "{} on {}", if self.id_map.is_some() { ",idmap" } else { "" }, self.source.display())
    }
}

impl Operation for SetTree<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        let mut set = self.attributes;
        if self.id_map.is_some() {
            set |= MountAttrFlags::MOUNT_ATTR_IDMAP;
        }
        let attributes = libc::mount_attr {
            attr_set: u64::from(set.bits()),
            attr_clr: 0,
            propagation: libc::MS_PRIVATE,
            userns_fd: self.id_map.map_or(0, |fd| fd.as_raw_fd() as u64),
        };
        sys::mount_setattr(self.tree, self.recursive, &attributes)
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::None("mount(8) cannot change a mount that is attached nowhere; the line that attaches it does both")
    }
}

/// Attaches a detached tree at `target` inside `root`.
pub struct AttachTree<'a> {
    /// The tree.
    pub tree: BorrowedFd<'a>,
    /// What it was cloned from, for words.
    pub source: &'a Path,
    /// Whether the tree's mounts below came along, for words.
    pub recursive: bool,
    /// Attributes that the tree has beyond its source's, for words.
    pub attributes: MountAttrFlags,
    /// The container's root.
    pub root: Root<'a>,
    /// Where inside the root; what is missing is made.
    pub target: &'a Path,
    /// Whether a directory or a file is covered.
    pub kind: Kind,
    /// Whether the target's path may go through symbolic links.
    pub links: Links,
}

impl fmt::Display for AttachTree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mount {} on {}", self.source.display(), self.target.display())
    }
}

impl Operation for AttachTree<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        let point = inside::mount_point(self.root.fd, self.target, self.kind, self.links)?;
        let by_descriptor = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        Ok(move_mount(self.tree, "", point.as_fd(), "", by_descriptor)?)
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        let said = self.root.said(self.target);
        let target = quoted(&said.to_string_lossy());
        let make = match self.kind {
            Kind::Directory => format!("mkdir -p {target}"),
            Kind::File => format!("touch {target}"),
        };
        let bind = if self.recursive { "--rbind" } else { "--bind" };
        let mut command = format!("{make} && mount {bind} {} {target}", quoted(&self.source.to_string_lossy()));
        let attributes = attribute_names(self.attributes);
        if !attributes.is_empty() {
            command += &format!(" && mount -o remount,bind,{} {target}", attributes.join(","));
        }
        Equivalent::exact(command)
    }
}
