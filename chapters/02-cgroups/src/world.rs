//! What cgroups this host has: one v2 tree with all controllers, several v1 trees with one or two each, or both (hybrid:
//! v1 controllers, and a v2 tree without any). Found by what is mounted and what the kernel says is in it; a path alone
//! proves nothing, since `mkdir /sys/fs/cgroup/memory` succeeds on a v2 host and limits nobody. See cgroups(7).

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use conex_kernel::{Error, Result};
use rustix::{
    fs::{Access, access},
    io::Errno,
    process::geteuid,
};

use crate::NAME;

/// The two interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A tree for each controller.
    V1,
    /// One tree for all.
    V2,
}

/// One tree of cgroups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Its interface.
    pub version: Version,
    /// The cgroup below which we may make others: the root, or what somebody delegated to us.
    pub base: PathBuf,
    /// The controllers that it has: `memory`, `cpu` and so on.
    pub controllers: Vec<String>,
}

/// The trees that we may make cgroups in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    trees: Vec<Tree>,
    /// Where trees begin, also those of which nothing or a part is ours.
    tops: Vec<PathBuf>,
    /// Why there are none, or fewer than the host has.
    obstacle: Option<Obstacle>,
}

/// What keeps us from making cgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    NotMounted,
    ReadOnly,
    NotDelegated,
}

impl World {
    /// Asks the kernel.
    pub fn probe() -> Result<Self> {
        let read =
            |path: &str| fs::read_to_string(path).map_err(|error| Error::new(NAME, format!("read {path}"), &error));
        let (mut trees, mut tops, mut obstacle) = (Vec::new(), Vec::new(), Some(Obstacle::NotMounted));
        for mounted in mounted(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?) {
            tops.push(mounted.mount_point.clone());
            match mounted.base() {
                Ok(base) => trees.push(mounted.tree(base)),
                Err(found) => obstacle = Some(found),
            }
        }
        Ok(Self { obstacle: obstacle.filter(|_| trees.is_empty()), trees, tops })
    }

    /// A host that has only these trees.
    pub fn of(trees: Vec<Tree>) -> Self {
        let tops = trees.iter().map(|tree| tree.base.clone()).collect();
        Self { obstacle: trees.is_empty().then_some(Obstacle::NotMounted), trees, tops }
    }

    /// All trees.
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// The top of each tree, whoever may make cgroups in it.
    pub(crate) fn tops(&self) -> &[PathBuf] {
        &self.tops
    }

    /// The tree that has a controller.
    pub fn with(&self, controller: &str) -> Option<&Tree> {
        self.trees.iter().find(|tree| tree.has(controller))
    }

    /// The v2 tree, which has a handle on all processes of a cgroup, with or without controllers.
    pub fn unified(&self) -> Option<&Tree> {
        self.trees.iter().find(|tree| tree.version == Version::V2)
    }

    /// An error that says why there can be no cgroup here, and what to do.
    pub(crate) fn refusal(&self, operation: String) -> Error {
        let (why, hint) = match self.obstacle {
            Some(Obstacle::ReadOnly) => (
                "the cgroups can't be changed here, as inside a container",
                "start that container with --privileged, or run conex on the host",
            ),
            Some(Obstacle::NotDelegated) => (
                "no cgroup of this host is yours",
                "be root, or have systemd delegate one: systemd-run --user --scope --property Delegate=yes conex ...",
            ),
            _ => ("no cgroups are mounted", "as root: mount -t cgroup2 none /sys/fs/cgroup"),
        };
        Error::refused(NAME, operation, why).with_hint(hint)
    }
}

impl Tree {
    /// Whether it has this controller.
    pub fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|one| one == controller)
    }
}

/// A line of mountinfo that is a tree of cgroups.
#[derive(Debug, PartialEq, Eq)]
struct Mounted {
    version: Version,
    mount_point: PathBuf,
    /// The cgroup that we are in.
    own: PathBuf,
    /// Of v1.
    controllers: Vec<String>,
}

/// From the two tables; a later mount covers an earlier one in the same place. See proc_pid_mountinfo(5).
fn mounted(mountinfo: &str, own: &str) -> Vec<Mounted> {
    let mut all: Vec<Mounted> = Vec::new();
    for one in mountinfo.lines().filter_map(|line| Mounted::of(line, own)) {
        all.retain(|other| other.mount_point != one.mount_point);
        all.push(one);
    }
    all
}

impl Mounted {
    /// Id, parent, device, root, mount point, … - type, source, options of the file system.
    fn of(line: &str, own: &str) -> Option<Self> {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let (root, mount_point) = (mount.next()?, PathBuf::from(mount.next()?));
        let mut filesystem = filesystem.split(' ');
        let version = match filesystem.next()? {
            "cgroup" => Version::V1,
            "cgroup2" => Version::V2,
            _ => return None,
        };
        let options: Vec<&str> = filesystem.nth(1)?.split(',').collect();
        // /proc/self/cgroup has lines NUMBER:CONTROLLERS:PATH; v2's has no controllers.
        let lines = own.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
        let (controllers, path) = lines.into_iter().find(|(controllers, _)| match version {
            Version::V2 => controllers.is_empty(),
            Version::V1 => controllers.split(',').all(|name| options.contains(&name)),
        })?;
        let own = mount_point.join(Path::new(path).strip_prefix(root).ok()?);
        let named = |name: &&str| !name.is_empty() && !name.starts_with("name=");
        let controllers = controllers.split(',').filter(named).map(str::to_owned).collect();
        Some(Self { version, mount_point, own, controllers })
    }

    /// Where we may make cgroups: root at the top, everybody else below the highest cgroup that is his.
    fn base(&self) -> std::result::Result<PathBuf, Obstacle> {
        match access(&self.mount_point, Access::WRITE_OK) {
            Ok(()) => return Ok(self.mount_point.clone()),
            Err(Errno::ROFS) => return Err(Obstacle::ReadOnly),
            Err(_) => {}
        }
        let ours = |path: &&Path| fs::metadata(path).is_ok_and(|metadata| metadata.uid() == geteuid().as_raw());
        let ancestors = self.own.ancestors().take_while(ours);
        ancestors.last().map(Path::to_owned).ok_or(Obstacle::NotDelegated)
    }

    /// On v2 the kernel says which controllers a cgroup may give to those below it.
    fn tree(self, base: PathBuf) -> Tree {
        let given = || fs::read_to_string(base.join("cgroup.controllers")).unwrap_or_default();
        let controllers = match self.version {
            Version::V1 => self.controllers,
            Version::V2 => given().split_whitespace().map(str::to_owned).collect(),
        };
        Tree { version: self.version, base, controllers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
36 32 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:3 - cgroup cgroup rw,cpu,cpuacct
37 32 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
38 32 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
40 32 0:34 / /proc rw - proc proc rw
41 32 0:35 / /sys/fs/cgroup/memory rw - tmpfs tmpfs rw
";
    const OWN: &str = "9:name=systemd:/\n1:cpu,cpuacct:/a/b\n0::/c\n";

    #[test]
    fn a_tree_is_what_the_kernel_has_mounted_as_one() {
        let found = mounted(HYBRID, OWN);
        let points: Vec<_> = found.iter().map(|one| one.mount_point.to_string_lossy().into_owned()).collect();
        let all = ["cpu,cpuacct", "systemd", "unified"].map(|name| format!("/sys/fs/cgroup/{name}"));
        assert_eq!(points, all, "a tmpfs of the name memory is none");
        assert_eq!(found[0].controllers, ["cpu", "cpuacct"]);
        assert_eq!(found[0].own, Path::new("/sys/fs/cgroup/cpu,cpuacct/a/b"));
        assert_eq!((found[1].controllers.len(), found[2].version), (0, Version::V2));
    }

    #[test]
    fn in_a_container_a_part_of_a_tree_is_all_that_there_is() {
        let mount = "36 32 0:30 /docker/x /sys/fs/cgroup rw - cgroup2 cgroup rw";
        assert_eq!(mounted(mount, "0::/docker/x/y\n")[0].own, Path::new("/sys/fs/cgroup/y"));
        assert_eq!(mounted(mount, "0::/elsewhere\n"), []);
    }
}
