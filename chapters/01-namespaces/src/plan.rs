//! The plan: everything that the child will do, as data. Parts fill its slots; one function (`child`) interprets it.

use std::{
    ffi::CString,
    path::{Component, Path, PathBuf},
};

use conex_kernel::{
    Error, Kind, Links, Result,
    operations::{BpfInstruction, Filesystem},
};
use rustix::{mount::MountAttrFlags, process::Resource, thread::CapabilitySet};

use crate::{CgroupPlan, NAME, Namespaces, Slot, User};

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

impl RootPlan {
    /// Devices work in /dev only: an image that brings a node of the host's disk would otherwise open it.
    pub(crate) const ATTRIBUTES: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NODEV;
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
    /// Absolute; `..` is taken out by the text; made where it is missing.
    pub directory: PathBuf,
    /// Permission bits that new files lack.
    pub umask: u32,
    /// Whether exec gives no more privileges than the process has.
    pub no_new_privileges: bool,
    /// Whether pid 1 is an init of ours, which starts the program, passes signals on to it and reaps orphans.
    pub init: bool,
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
    /// Settings of the container's own namespaces: key with dots, value.
    pub sysctls: Vec<(String, String)>,
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
    /// Limits of all its processes together.
    pub cgroup: Option<CgroupPlan>,
    /// How gladly the kernel kills it when memory is short: -1000 to 1000; `None` leaves it as ours is.
    pub oom_score_adj: Option<i32>,
    /// Whether it gets a pseudo-terminal: its rows and columns, `None` in them if unknown.
    pub console: Option<Option<(u16, u16)>>,
    /// The process itself.
    pub process: Process,
}

/// The longest name that a UTS namespace takes. See uts_namespaces(7).
const HOSTNAME_BYTES_MAX: usize = 64;

impl Plan {
    /// Takes `.` and `..` out of paths, by their text, and refuses what no kernel could do: before anything is touched.
    pub fn settle(&mut self) -> Result<()> {
        let directory = &self.process.directory;
        if !directory.is_absolute() {
            let operation = format!("use {} as the working directory", directory.display());
            return Err(Error::refused(NAME, operation, "it does not begin with /"));
        }
        self.process.directory = cleaned(directory);
        for mount in &mut self.mounts {
            mount.target = cleaned(&mount.target);
        }
        if let Slot::New(maps) = &self.namespaces.user
            && ![&maps.uids, &maps.gids].iter().all(|ranges| ranges.iter().any(|range| range.inside == 0))
        {
            return Err(Error::refused(NAME, "use the id map", "it does not have id 0, which sets the container up")
                .with_hint("0:100000:65536 gives root and 65,535 more ids to the container"));
        }
        self.hostname.iter().chain(&self.domainname).try_for_each(|name| check_hostname(name))?;
        self.process.environment.iter().try_for_each(check_variable)
    }
}

fn check_hostname(name: &str) -> Result<()> {
    if name.len() <= HOSTNAME_BYTES_MAX {
        return Ok(());
    }
    let why = format!("it has {} bytes, and {HOSTNAME_BYTES_MAX} are allowed", name.len());
    Err(Error::refused(NAME, format!("use {name:?} as a host name"), why))
}

fn check_variable(entry: &CString) -> Result<()> {
    match entry.to_bytes().iter().position(|byte| *byte == b'=') {
        None | Some(0) => {
            // A value is never told; here there is no saying where one begins.
            Err(Error::refused(NAME, "set an environment variable", "its name is missing").with_hint("KEY=value"))
        }
        Some(_) => Ok(()),
    }
}

/// An absolute path without `.` and `..`; nothing is above `/`.
fn cleaned(path: &Path) -> PathBuf {
    let mut clean = PathBuf::from("/");
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
    fn paths_are_cleaned_by_their_text() {
        for (path, clean) in [("/a/b/../c", "/a/c"), ("/../../x", "/x"), ("/", "/"), ("/./a//b/.", "/a/b")] {
            assert_eq!(cleaned(Path::new(path)), Path::new(clean));
        }
    }

    #[test]
    fn a_variable_needs_a_name_and_its_value_is_not_told() {
        assert!(check_variable(&c"KEY=".to_owned()).is_ok());
        for bad in [c"=secret", c"secret", c""] {
            let error = check_variable(&bad.to_owned()).expect_err("no name");
            assert!(!format!("{error:?}").contains("secret"));
        }
    }

    #[test]
    fn a_host_name_has_64_bytes_at_most() {
        assert!(check_hostname(&"a".repeat(64)).is_ok());
        assert!(check_hostname(&"a".repeat(65)).is_err());
    }
}
