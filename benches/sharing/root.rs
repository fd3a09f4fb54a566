//! Containers on a root of layers: shared by an overlay, or copied.

use std::{
    ffi::CString,
    io,
    path::{Path, PathBuf},
};

use conex::{
    kernel::{Error, Kernel},
    namespaces::{ContainerId, Facts, Host, Part, Plan, Process, Slot, Waiting, spawn},
    overlay::{Copy, Keep, Overlay, Reflink},
};

/// How a container has its root.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Overlay,
    Copy,
    /// A copy whose files share their data where the file system can.
    Reflink,
}

impl How {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::Copy => "copy",
            Self::Reflink => "reflink",
        }
    }

    /// A root of these layers, the lowest first, for containers below a directory.
    pub(crate) fn part(self, layers: &[PathBuf], containers: &Path) -> Box<dyn Part> {
        let (layers, containers, keep) = (layers.to_vec(), containers.to_owned(), Keep::Nothing);
        let copied =
            |reflink| Copy { layers: layers.clone(), containers: containers.clone(), keep, reflink, read_only: false };
        match self {
            Self::Overlay => Box::new(Overlay { layers, stub: None, containers, keep, read_only: false }),
            Self::Copy => Box::new(copied(Reflink::Never)),
            Self::Reflink => Box::new(copied(Reflink::WherePossible)),
        }
    }
}

/// The layers, side by side on one file system.
pub(crate) struct Roots {
    pub(crate) debian: PathBuf,
    /// Of one big file, to lie over it.
    pub(crate) big: PathBuf,
}

impl Roots {
    pub(crate) fn plain(&self) -> Vec<PathBuf> {
        vec![self.debian.clone()]
    }

    pub(crate) fn with_big(&self) -> Vec<PathBuf> {
        vec![self.debian.clone(), self.big.clone()]
    }
}

/// A host; what its containers have on disks does not lie there.
pub(crate) fn host() -> io::Result<Host> {
    let facts = Facts::probe().map_err(io::Error::other)?;
    Ok(Host { root: "/mnt/root".into(), run_root: "/mnt/run".into(), facts, kernel: Kernel::quiet() })
}

/// A fresh directory for containers, beside the first layer.
pub(crate) fn containers(layers: &[PathBuf]) -> io::Result<PathBuf> {
    let directory = layers[0].with_file_name("containers");
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// Gives so many containers, which have their roots and wait before their program, to `look`, with their directory.
pub(crate) fn waiting<T>(
    (how, layers): (How, &[PathBuf]),
    (count, script): (usize, &str),
    look: impl FnOnce(Vec<(&ContainerId, Waiting<'_>)>, &Path) -> io::Result<T>,
) -> io::Result<T> {
    let (host, directory) = (host()?, containers(layers)?);
    let part = how.part(layers, &directory);
    let parts: [&dyn Part; 1] = [part.as_ref()];
    let ids = (0..count).map(|_| ContainerId::random().map_err(failed)).collect::<io::Result<Vec<_>>>()?;
    let all = ids.iter().map(|id| Ok((id, spawn(&host, id, &parts, plan(&host, id, script)).map_err(failed)?)));
    let all = all.collect::<io::Result<_>>()?;
    look(all, &directory)
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
