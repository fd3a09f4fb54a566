//! From the host's root to the container's: private mounts, the new root on top, the pivot. See pivot_root(2).

use std::{
    fmt, io,
    os::fd::{AsFd, BorrowedFd},
    path::Path,
};

use rustix::{
    fs::CWD,
    mount::{MountAttrFlags, MountPropagationFlags, MoveMountFlags, UnmountFlags, mount_change, move_mount, unmount},
    process::{fchdir, pivot_root},
};

use crate::{
    Equivalent, Operation, Root,
    operations::{Filesystem, attribute_names},
    quoted,
};

/// Makes every mount of this namespace private: nothing mounted here shows on the host, nor the other way round.
pub struct MakePrivate;

impl fmt::Display for MakePrivate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("make every mount private")
    }
}

impl Operation for MakePrivate {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        Ok(mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?)
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::exact("mount --make-rprivate /")
    }
}

/// Attaches the detached root on top of `/`, the one directory that every host has. This process keeps seeing the old
/// root below it until the pivot; the container's root is reached by its descriptor.
pub struct AttachRoot<'a> {
    /// The detached root.
    pub tree: BorrowedFd<'a>,
    /// What it was cloned from, or where a shell would mount it, for words.
    pub source: &'a Path,
    /// The file system that it is, if it was not cloned, for words.
    pub made: Option<&'a Filesystem>,
    /// Attributes that it has, for words.
    pub attributes: MountAttrFlags,
    /// Whether it is seen through an id map, for words.
    pub mapped: bool,
}

impl fmt::Display for AttachRoot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.made {
            Some(filesystem) => write!(f, "attach {} as the new root", filesystem.kind),
            None => write!(f, "attach {} as the new root", self.source.display()),
        }
    }
}

impl Operation for AttachRoot<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        Ok(move_mount(self.tree, "", CWD, "/", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        let source = quoted(&self.source.to_string_lossy());
        if let Some(filesystem) = self.made {
            return Equivalent::exact(filesystem.mount_words(&source));
        }
        // A shell has no descriptors for mounts: it binds the directory onto itself and goes by path.
        let options = attribute_names(self.attributes).join(",");
        let command = format!("mount --rbind {source} {source} && mount -o remount,bind,{options} {source}");
        if self.mapped { Equivalent::Approximate(command) } else { Equivalent::Exact(command) }
    }
}

/// Makes `root` the root of this process's mount namespace, the old one stacked on top of it.
pub struct PivotRoot<'a> {
    /// The new root, attached.
    pub root: Root<'a>,
}

impl fmt::Display for PivotRoot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pivot_root to {}", self.root.path.display())
    }
}

impl Operation for PivotRoot<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        fchdir(self.root.fd.as_fd())?;
        // pivot_root(".", ".") needs no directory for the old root: it ends up on top of the new one, at ".".
        Ok(pivot_root(".", ".")?)
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::exact(format!("cd {} && pivot_root . .", quoted(&self.root.path.to_string_lossy())))
    }
}

/// Drops the old root that a pivot left on top of the new one.
pub struct DetachOldRoot;

impl fmt::Display for DetachOldRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("umount the old root")
    }
}

impl Operation for DetachOldRoot {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        unmount(".", UnmountFlags::DETACH)?;
        Ok(rustix::process::chdir("/")?)
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::exact("umount -l . && cd /")
    }
}
