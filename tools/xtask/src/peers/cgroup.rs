//! The cgroups of the peers' host: one in each hierarchy of the machine, below the one that `peers` itself is in.
//! The host sees them as its roots, so all that the peers make lies below, and goes with them. See cgroups(7).

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use super::{
    hierarchy::{Hierarchy, TREE, mounted_hierarchies},
    host,
};
use crate::say::complain;

const PREFIX: &str = "conex-peers-";

/// After the last process of a cgroup has been waited for, the kernel may call the cgroup busy for a moment.
const BUSY_MAX: Duration = Duration::from_secs(5);

/// The host's cgroups, one name in every hierarchy.
pub(crate) struct Group {
    /// The pid of the `peers` that makes them.
    maker: String,
    hierarchies: Vec<Hierarchy>,
}

impl Group {
    /// The cgroups that belong to the `peers` with that pid. Makes none yet.
    pub(crate) fn new(maker: u32) -> Result<Self> {
        Ok(Self { maker: maker.to_string(), hierarchies: mounted_hierarchies()? })
    }

    /// What `new` gives the same group for, in another process.
    pub(crate) fn maker(&self) -> &str {
        &self.maker
    }

    fn directories(&self) -> impl Iterator<Item = PathBuf> {
        self.hierarchies.iter().map(|hierarchy| hierarchy.own.join(format!("{PREFIX}{}", self.maker)))
    }

    /// Makes the cgroups, empty.
    pub(crate) fn make(&self) -> Result<()> {
        for (directory, hierarchy) in self.directories().zip(&self.hierarchies) {
            fs::create_dir(&directory).with_context(|| format!("make {}", directory.display()))?;
            if hierarchy.controllers.split(',').any(|controller| controller == "cpuset") {
                // Version 1 lets no process in before these are set, and does not inherit them.
                for file in ["cpuset.cpus", "cpuset.mems"] {
                    fs::write(directory.join(file), fs::read(hierarchy.own.join(file))?)?;
                }
            }
        }
        Ok(())
    }

    /// Moves this process in.
    pub(crate) fn join(&self) -> Result<()> {
        self.directories().try_for_each(|directory| {
            fs::write(directory.join("cgroup.procs"), "0").with_context(|| format!("join {}", directory.display()))
        })
    }

    /// Mounts the hierarchies anew, as the present cgroup namespace sees them.
    pub(crate) fn mount(&self) -> Result<()> {
        if self.hierarchies.iter().all(|hierarchy| hierarchy.mount_point != Path::new(TREE)) {
            host::attach("tmpfs", TREE, "mode=755")?;
        }
        for Hierarchy { mount_point, kind, controllers, .. } in &self.hierarchies {
            if mount_point != Path::new(TREE) {
                fs::create_dir(mount_point)?;
            }
            host::attach(kind, &mount_point.to_string_lossy(), controllers)?;
        }
        Ok(())
    }

    /// Removes the cgroups and all below them, which hold no process any more.
    pub(crate) fn remove(&self) -> Result<()> {
        let deadline = Instant::now() + BUSY_MAX;
        for directory in self.directories() {
            while let Err(error) = remove(&directory) {
                if Instant::now() > deadline {
                    return Err(error).with_context(|| format!("remove {}", directory.display()));
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }
}

/// A cgroup's files are the kernel's; only its directories are removed.
fn remove(directory: &Path) -> io::Result<()> {
    let done = fs::read_dir(directory).and_then(|mut entries| {
        entries.try_for_each(|entry| {
            let entry = entry?;
            if entry.file_type()?.is_dir() { remove(&entry.path()) } else { Ok(()) }
        })?;
        fs::remove_dir(directory)
    });
    done.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Removes what a `peers` left that was killed with SIGKILL and could not, wherever in the tree it was.
pub(crate) fn remove_abandoned() {
    for hierarchy in mounted_hierarchies().unwrap_or_default() {
        for directory in abandoned(&hierarchy.mount_point) {
            remove(&directory).unwrap_or_else(|error| {
                complain(&format!("warning: {} is left by an earlier run: {error}", directory.display()));
            });
        }
    }
}

/// Directories that bear the pid of a `peers` which runs no more. What ends or appears meanwhile is passed over.
fn abandoned(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    directories
        .flat_map(|entry| match entry.file_name().to_string_lossy().strip_prefix(PREFIX) {
            Some(maker) if Path::new("/proc").join(maker).exists() => Vec::new(),
            Some(_) => vec![entry.path()],
            None => abandoned(&entry.path()),
        })
        .collect()
}
