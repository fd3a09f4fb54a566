//! Containers on a root of layers: shared by an overlay, or copied.

use std::{
    ffi::CString,
    io,
    path::{Path, PathBuf},
};

use conex::{
    kernel::{Error, Kernel},
    namespaces::{ContainerId, Facts, Host, Part, Plan, Process, Slot},
    overlay::{Copy, Keep, Overlay, Reflink},
};

/// How a container has its root.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Overlay,
    Copy,
}

impl How {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::Copy => "copy",
        }
    }

    /// A root of these layers, the lowest first, for containers below a directory.
    pub(crate) fn part(self, layers: &[PathBuf], containers: &Path) -> Box<dyn Part> {
        let (layers, containers, keep) = (layers.to_vec(), containers.to_owned(), Keep::Nothing);
        match self {
            Self::Overlay => Box::new(Overlay { layers, stub: None, containers, keep, read_only: false }),
            Self::Copy => Box::new(Copy { layers, containers, keep, reflink: Reflink::Never, read_only: false }),
        }
    }
}

/// A host whose containers lie beside the Debian root, on a disk.
pub(crate) fn host() -> io::Result<Host> {
    let facts = Facts::probe().map_err(io::Error::other)?;
    Ok(Host { root: "/mnt/root".into(), run_root: "/mnt/run".into(), facts, kernel: Kernel::quiet() })
}

/// A fresh directory for containers.
pub(crate) fn containers(debian: &Path) -> io::Result<PathBuf> {
    let directory = debian.with_file_name("containers");
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// What runs a script in a container of the engine's kind, with the host's ids.
pub(crate) fn plan(host: &Host, id: &ContainerId, script: &str) -> Plan {
    let string = |text: &str| CString::new(text).expect("it has no NUL");
    let process = Process {
        arguments: ["sh", "-c", script].map(string).to_vec(),
        environment: vec![string("PATH=/usr/bin:/bin")],
        directory: "/".into(),
        umask: 0o022,
        no_new_privileges: false,
        init: false,
        dies_with_parent: true,
    };
    let mut plan = Plan::isolated(&host.facts, id, process);
    plan.namespaces.user = Slot::Host;
    plan
}

pub(crate) fn failed(error: Error) -> io::Error {
    io::Error::other(error)
}
