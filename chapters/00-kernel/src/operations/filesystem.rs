//! A new file system (proc, tmpfs, devpts, overlay, …), made by fsopen(2) and attached inside a root.

use std::{
    fmt, io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string,
    fsmount, fsopen, move_mount,
};

use super::{overlay::LOWER, tree::pretended};
use crate::{Equivalent, Kind, Links, Operation, Root, inside, quoted};

/// A file system to be made: type, options, and the attributes of its mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filesystem {
    /// The kernel's name for it, such as `proc`.
    pub kind: String,
    /// What mountinfo shows as its source.
    pub source: String,
    /// `key` or `key=value`, as mount(8) takes them after `-o`.
    pub options: Vec<String>,
    /// Read-only, nosuid and the like.
    pub attributes: MountAttrFlags,
}

impl Filesystem {
    /// Makes it, without attaching it anywhere.
    pub fn detached(&self) -> io::Result<OwnedFd> {
        let context = fsopen(self.kind.as_str(), FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(context.as_fd(), "source", self.source.as_str())?;
        for option in &self.options {
            match option.split_once('=') {
                Some((key, value)) => fsconfig_set_string(context.as_fd(), key, value)?,
                None => fsconfig_set_flag(context.as_fd(), option.as_str())?,
            }
        }
        fsconfig_create(context.as_fd())?;
        Ok(fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, self.attributes)?)
    }

    /// The command that mounts it at `target`, a quoted word. An overlay's own directories may have to be made.
    pub(super) fn mount_words(&self, target: &str) -> String {
        let own = self.options.iter().filter_map(|option| {
            let path = option.strip_prefix("upperdir=").or_else(|| option.strip_prefix("workdir="))?;
            Some(format!(" {}", quoted(path)))
        });
        let directories: String = own.collect();
        let Self { kind, source, .. } = self;
        let options = self.options_words();
        let mount = format!("mkdir -p {target}{directories} && mount -t {kind}{options} {} {target}", quoted(source));
        mount + &self.read_only_words(target)
    }

    /// ` -o` and its words, as mount(8) takes them; without `ro`, which would make the file system itself read-only.
    fn options_words(&self) -> String {
        let attributes = attribute_names(self.attributes - MountAttrFlags::MOUNT_ATTR_RDONLY);
        let lower = |option: &&str| option.starts_with(LOWER);
        let (layers, others): (Vec<&str>, Vec<&str>) = self.options.iter().map(String::as_str).partition(lower);
        let layers: Vec<&str> = layers.into_iter().filter_map(|option| option.strip_prefix(LOWER)).collect();
        let lowerdir = (!layers.is_empty()).then(|| format!("lowerdir={}", layers.join(":")));
        let words: Vec<&str> = attributes.into_iter().chain(lowerdir.as_deref()).chain(others).collect();
        if words.is_empty() { String::new() } else { format!(" -o {}", quoted(&words.join(","))) }
    }

    /// The command that makes the mount at `target` read-only, if it shall be.
    fn read_only_words(&self, target: &str) -> String {
        match self.attributes.contains(MountAttrFlags::MOUNT_ATTR_RDONLY) {
            true => format!(" && mount -o remount,bind,{} {target}", attribute_names(self.attributes).join(",")),
            false => String::new(),
        }
    }
}

/// mount(8)'s names for attributes: `ro`, `nosuid`, …
pub fn attribute_names(attributes: MountAttrFlags) -> Vec<&'static str> {
    let names = [
        (MountAttrFlags::MOUNT_ATTR_RDONLY, "ro"),
        (MountAttrFlags::MOUNT_ATTR_NOSUID, "nosuid"),
        (MountAttrFlags::MOUNT_ATTR_NODEV, "nodev"),
        (MountAttrFlags::MOUNT_ATTR_NOEXEC, "noexec"),
        (MountAttrFlags::MOUNT_ATTR_STRICTATIME, "strictatime"),
    ];
    names.into_iter().filter(|(flag, _)| attributes.contains(*flag)).map(|(_, name)| name).collect()
}

/// Makes a file system that is attached nowhere yet: a root that is not a directory of the host.
pub struct MakeFilesystem<'a> {
    /// What to make.
    pub filesystem: &'a Filesystem,
}

impl fmt::Display for MakeFilesystem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fsmount {}", self.filesystem.kind)
    }
}

impl Operation for MakeFilesystem<'_> {
    type Output = OwnedFd;

    fn run(&self) -> io::Result<OwnedFd> {
        self.filesystem.detached()
    }

    fn pretend(&self) -> io::Result<OwnedFd> {
        pretended()
    }

    fn command(&self) -> Equivalent {
        Equivalent::None("mount(8) cannot make a file system without attaching it; the line that attaches it does both")
    }
}

/// Makes a file system and attaches it at `target` inside `root`.
pub struct MountFilesystem<'a> {
    /// What to make.
    pub filesystem: &'a Filesystem,
    /// The container's root.
    pub root: Root<'a>,
    /// Where inside the root; a missing directory is made.
    pub target: &'a Path,
    /// Whether the target's path may go through symbolic links.
    pub links: Links,
}

impl fmt::Display for MountFilesystem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mount {} on {}", self.filesystem.kind, self.target.display())
    }
}

impl Operation for MountFilesystem<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        let point = inside::mount_point(self.root.fd, self.target, Kind::Directory, self.links)?;
        let mount = self.filesystem.detached()?;
        let by_descriptor = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        Ok(move_mount(mount.as_fd(), "", point.as_fd(), "", by_descriptor)?)
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        let target = self.root.said(self.target);
        Equivalent::exact(self.filesystem.mount_words(&quoted(&target.to_string_lossy())))
    }
}
