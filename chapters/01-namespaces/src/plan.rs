//! The plan: everything that the child will do, as data. Parts fill its slots; one function (`child`) interprets it.

use std::{ffi::CString, path::PathBuf};

use conex_kernel::{
    Kind, Links,
    operations::{BpfInstruction, Filesystem},
};
use rustix::{mount::MountAttrFlags, process::Resource, thread::CapabilitySet};

use crate::{Namespaces, User};

/// What a mount shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A path of the host, with or without the mounts below it.
    Bind {
        /// On the host.
        path: PathBuf,
        /// Whether mounts below come along.
        recursive: bool,
    },
    /// A file system of its own.
    New(Filesystem),
    /// A character device: made where the kernel lets us, otherwise the host's, bound.
    Device {
        /// The host's node.
        path: PathBuf,
        /// Major and minor, checked when the host's node is bound.
        number: (u32, u32),
    },
}

/// Whose files a bind mount shows in a container with an id map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owners {
    /// The host's ids as they are.
    Host,
    /// Host id 0 as the container's 0 and so on: an id-mapped mount.
    Mapped,
}

/// One mount inside the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The part that asked for it.
    pub part: &'static str,
    /// What it shows.
    pub source: Source,
    /// Where inside the root; made where it is missing.
    pub target: PathBuf,
    /// What is covered.
    pub kind: Kind,
    /// Read-only, nosuid and the like. A bind has them from the start; a new file system, which brings its own, gets
    /// them once everything inside it is mounted.
    pub attributes: MountAttrFlags,
    /// Whether the target's path may go through symbolic links.
    pub links: Links,
    /// Whose files.
    pub owners: Owners,
}

/// The container's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootPlan {
    /// The part that brought it.
    pub part: &'static str,
    /// A directory, or a file system such as an overlay.
    pub source: Source,
    /// Whether the container may write to it.
    pub read_only: bool,
}

/// A resource limit of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The part that asked for it.
    pub part: &'static str,
    /// Which.
    pub resource: Resource,
    /// Enforced; `None` is unlimited.
    pub soft: Option<u64>,
    /// How far the process may raise the soft limit; `None` is unlimited.
    pub hard: Option<u64>,
}

/// What the user asked to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// The program, found along the container's PATH, and its arguments.
    pub arguments: Vec<CString>,
    /// `KEY=value`, the whole environment but HOME, which comes from the container's passwd file unless it is here.
    pub environment: Vec<CString>,
    /// Absolute; made where it is missing.
    pub directory: PathBuf,
    /// Permission bits that new files lack.
    pub umask: u32,
    /// Whether exec gives no more privileges than the process has.
    pub no_new_privileges: bool,
    /// Whether the process is killed when the one that made it dies.
    pub dies_with_parent: bool,
}

/// The slots.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where each namespace comes from.
    pub namespaces: Namespaces,
    /// The root; `None` keeps the one that the namespaces bring.
    pub root: Option<RootPlan>,
    /// Whether a proc is mounted at /proc.
    pub proc: bool,
    /// Mounts inside the root, in order.
    pub mounts: Vec<Mount>,
    /// Symbolic links inside the root: where, to what.
    pub links: Vec<(PathBuf, PathBuf)>,
    /// Paths that the container can't read.
    pub masked: Vec<PathBuf>,
    /// Paths that the container can't write.
    pub read_only: Vec<PathBuf>,
    /// The host name, in a new UTS namespace.
    pub hostname: Option<String>,
    /// The NIS domain name, in a new UTS namespace.
    pub domainname: Option<String>,
    /// Who the process is.
    pub user: User,
    /// What it may: bounding set, and for root permitted and effective.
    pub capabilities: CapabilitySet,
    /// A filter of system calls.
    pub seccomp: Option<Vec<BpfInstruction>>,
    /// Resource limits.
    pub limits: Vec<Limit>,
    /// Whether it gets a pseudo-terminal: its rows and columns, `None` in them if unknown.
    pub console: Option<Option<(u16, u16)>>,
    /// The process itself.
    pub process: Process,
}
