//! Cgroups for a host of ours: one in each hierarchy of the machine. The host sees them as its roots, so all that is made
//! in there lies below, and goes with them. See cgroups(7), cgroup_namespaces(7).

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{Access, access},
    mount::{MountFlags, UnmountFlags, mount, unmount},
};

use crate::{
    Bounds,
    hierarchy::{Hierarchy, TREE, mounted_hierarchies},
};

/// After the last process of a cgroup has been waited for, the kernel may call the cgroup busy for a moment.
const BUSY_MAX: Duration = Duration::from_secs(5);

/// Where the host's own processes are: in a v2 cgroup that gives its controllers on there may be none.
const LEAF: &str = "host";

/// One name in every hierarchy.
pub struct Cgroups {
    name: String,
    hierarchies: Vec<Hierarchy>,
}

impl Cgroups {
    /// Those of this name, below the ones that this process is in. Makes none yet.
    pub fn new(name: String) -> io::Result<Self> {
        Ok(Self { name, hierarchies: mounted_hierarchies()? })
    }

    /// Whether this process could make any.
    pub(crate) fn may_be_made() -> bool {
        // A v2 cgroup with processes of its own, as a container's root has, gives no controllers on: EBUSY.
        let writable = |hierarchy: &Hierarchy| {
            let place = hierarchy.place();
            access(place, Access::WRITE_OK).is_ok() && enable_controllers(hierarchy, place).is_ok()
        };
        mounted_hierarchies().is_ok_and(|all| !all.is_empty() && all.iter().all(writable))
    }

    fn directories(&self) -> impl Iterator<Item = (PathBuf, &Hierarchy)> {
        self.hierarchies.iter().map(|hierarchy| (hierarchy.place().join(&self.name), hierarchy))
    }

    /// Makes them, empty. Nothing is left if that is not allowed.
    pub fn make(&self) -> io::Result<()> {
        let made = self.directories().try_for_each(|(directory, hierarchy)| {
            enable_controllers(hierarchy, hierarchy.place())?;
            make(&directory, hierarchy).map_err(|error| at(&directory, &error))
        });
        made.inspect_err(|_| _ = self.remove())
    }

    /// Holds whoever is in them to these bounds, root as well.
    pub(crate) fn bound(&self, bounds: &Bounds) -> io::Result<()> {
        let limits = [
            ("pids.max", bounds.processes),
            ("memory.max", bounds.memory_bytes),
            ("memory.limit_in_bytes", bounds.memory_bytes),
        ];
        for (directory, _) in self.directories() {
            for (file, limit) in limits.iter().filter_map(|(file, limit)| Some((directory.join(file), (*limit)?))) {
                if file.exists() {
                    fs::write(&file, limit.to_string()).map_err(|error| at(&file, &error))?;
                }
            }
        }
        Ok(())
    }

    /// Moves this process in. A cgroup namespace that is made then has them as its roots.
    pub fn join(&self) -> io::Result<()> {
        self.directories().try_for_each(|(directory, hierarchy)| join(&directory, hierarchy))
    }

    /// Moves this process down into a cgroup of its own, so that others can be made beside that and have limits.
    pub fn step_down(&self) -> io::Result<()> {
        self.directories().try_for_each(|(directory, hierarchy)| {
            make(&directory.join(LEAF), hierarchy)?;
            join(&directory.join(LEAF), hierarchy)?;
            enable_controllers(hierarchy, &directory)
        })
    }

    /// Mounts the hierarchies anew, as the present cgroup namespace sees them, in a mount namespace that is ours.
    pub fn mount(&self) -> io::Result<()> {
        // As runc mounts them: what it does in a host would otherwise change the host's.
        let flags = MountFlags::empty();
        if self.hierarchies.iter().all(|hierarchy| hierarchy.mount_point != Path::new(TREE)) {
            mount("tmpfs", TREE, "tmpfs", flags, Some(c"mode=755"))?;
        }
        for Hierarchy { mount_point, kind, controllers, .. } in &self.hierarchies {
            if mount_point == Path::new(TREE) {
                // The kernel mounts no file system on a mount of itself: EBUSY.
                unmount(TREE, UnmountFlags::DETACH)?;
            } else {
                fs::create_dir(mount_point)?;
            }
            let options = std::ffi::CString::new(controllers.as_str())?;
            mount(*kind, mount_point, *kind, flags, Some(options.as_c_str()))?;
        }
        Ok(())
    }

    /// Removes them and all below them, which hold no process any more.
    pub fn remove(&self) -> io::Result<()> {
        self.directories().try_for_each(|(directory, _)| remove_in_time(&directory))
    }

    /// Removes those whose name begins so and of which `abandoned` says so by the rest of the name, wherever they are.
    pub fn remove_abandoned(prefix: &str, abandoned: &dyn Fn(&str) -> bool) -> io::Result<()> {
        let mut outcome = Ok(());
        for hierarchy in mounted_hierarchies()? {
            for directory in find(&hierarchy.mount_point, prefix, abandoned) {
                outcome = outcome.and(remove_in_time(&directory));
            }
        }
        outcome
    }
}

fn at(directory: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", directory.display()))
}

fn make(directory: &Path, hierarchy: &Hierarchy) -> io::Result<()> {
    fs::create_dir(directory)?;
    if hierarchy.controllers.split(',').any(|controller| controller == "cpuset") {
        // Version 1 lets no process in before these are set, and does not inherit them.
        let parent = directory.parent().unwrap_or(directory);
        for file in ["cpuset.cpus", "cpuset.mems"] {
            fs::write(directory.join(file), fs::read(parent.join(file))?)?;
        }
    }
    Ok(())
}

fn join(directory: &Path, hierarchy: &Hierarchy) -> io::Result<()> {
    // Of version 1, a thread that moves itself need not wait for all others, as whoever writes cgroup.procs must.
    let file = if hierarchy.kind == "cgroup" { "tasks" } else { "cgroup.procs" };
    fs::write(directory.join(file), "0").map_err(|error| at(directory, &error))
}

/// Gives the controllers of a v2 cgroup on to those below it.
fn enable_controllers(hierarchy: &Hierarchy, directory: &Path) -> io::Result<()> {
    if hierarchy.kind == "cgroup" {
        return Ok(());
    }
    let enabled = fs::read_to_string(directory.join("cgroup.subtree_control"))?;
    let all = fs::read_to_string(directory.join("cgroup.controllers"))?;
    let missing = all.split_whitespace().filter(|name| !enabled.split_whitespace().any(|one| one == *name));
    let missing: Vec<String> = missing.map(|name| format!("+{name}")).collect();
    if missing.is_empty() { Ok(()) } else { fs::write(directory.join("cgroup.subtree_control"), missing.join(" ")) }
}

fn remove_in_time(directory: &Path) -> io::Result<()> {
    let deadline = Instant::now() + BUSY_MAX;
    while let Err(error) = remove(directory) {
        if Instant::now() > deadline {
            return Err(at(directory, &error));
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
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

/// What ends or appears meanwhile is passed over.
fn find(directory: &Path, prefix: &str, wanted: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    directories
        .flat_map(|entry| match entry.file_name().to_string_lossy().strip_prefix(prefix) {
            Some(rest) if wanted(rest) => vec![entry.path()],
            Some(_) => Vec::new(),
            None => find(&entry.path(), prefix, wanted),
        })
        .collect()
}
