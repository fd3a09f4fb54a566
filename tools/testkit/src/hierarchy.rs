//! The cgroup hierarchies that are mounted, and where this process is in each, read from the kernel's two tables.
//! A machine has several of version 1, the one of version 2, or both. See cgroups(7).

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// Where they are mounted, or, with version 2 alone, the mount point itself.
pub(crate) const TREE: &str = "/sys/fs/cgroup";

/// A mounted hierarchy: one or more controllers of version 1, or all of version 2.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hierarchy {
    pub(crate) mount_point: PathBuf,
    /// What mount(2) calls it: cgroup or cgroup2.
    pub(crate) kind: &'static str,
    /// Of version 1, as in /proc/self/cgroup, which are also the options to mount it with.
    pub(crate) controllers: String,
    /// The cgroup that this process is in.
    pub(crate) own: PathBuf,
}

impl Hierarchy {
    /// Where cgroups of ours are made: below the one that we are in. A v2 cgroup with processes has no limits to give,
    /// unless it is the root.
    pub(crate) fn place(&self) -> &Path {
        if self.kind == "cgroup" { &self.own } else { &self.mount_point }
    }
}

/// The hierarchies as this process sees them.
pub(crate) fn mounted_hierarchies() -> io::Result<Vec<Hierarchy>> {
    Ok(parse(&fs::read_to_string("/proc/self/mountinfo")?, &fs::read_to_string("/proc/self/cgroup")?))
}

fn parse(mounts: &str, own: &str) -> Vec<Hierarchy> {
    // A later mount covers an earlier one in the same place.
    let mounted: BTreeMap<_, _> = mounts.lines().filter_map(|line| mounted(line, own)).collect();
    mounted.into_values().collect()
}

/// See proc_pid_mountinfo(5): id, parent, device, root, mount point, … - type, source, options of the file system.
fn mounted(line: &str, own: &str) -> Option<(PathBuf, Hierarchy)> {
    let (mount, filesystem) = line.split_once(" - ")?;
    let (mut mount, mut filesystem) = (mount.split(' ').skip(3), filesystem.split(' '));
    let (root, mount_point) = (mount.next()?, Path::new(mount.next()?));
    let kind = ["cgroup", "cgroup2"].into_iter().find(|kind| filesystem.clone().next() == Some(kind))?;
    let options = filesystem.nth(2)?;
    let mine = |controllers: &str| match kind {
        "cgroup2" => controllers.is_empty(),
        _ => controllers.split(',').all(|name| options.split(',').any(|option| option == name)),
    };
    let own = own.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
    let (controllers, own) = own.into_iter().find(|(controllers, _)| mine(controllers))?;
    let below = Path::new(own).strip_prefix(root).ok()?;
    let hierarchy = Hierarchy {
        mount_point: mount_point.into(),
        kind,
        controllers: controllers.into(),
        own: mount_point.join(below),
    };
    mount_point.starts_with(TREE).then(|| (mount_point.into(), hierarchy))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "\
36 32 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:3 - cgroup cgroup rw,cpu,cpuacct
37 32 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/x,name=systemd
38 32 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
39 32 0:33 / /sys/fs/cgroup/rdma rw - cgroup cgroup rw,rdma
40 32 0:34 / /proc rw - proc proc rw
";
    const OWN: &str = "9:name=systemd:/\n1:cpu,cpuacct:/a/b\n0::/c\n";

    fn hierarchy(mount_point: &str, kind: &'static str, controllers: &str, own: &str) -> Hierarchy {
        Hierarchy { mount_point: mount_point.into(), kind, controllers: controllers.into(), own: own.into() }
    }

    #[test]
    fn each_hierarchy_is_found_with_its_options_and_our_place_in_it() {
        let cpu = hierarchy("/sys/fs/cgroup/cpu,cpuacct", "cgroup", "cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct/a/b");
        let systemd = hierarchy("/sys/fs/cgroup/systemd", "cgroup", "name=systemd", "/sys/fs/cgroup/systemd");
        let unified = hierarchy("/sys/fs/cgroup/unified", "cgroup2", "", "/sys/fs/cgroup/unified/c");
        assert_eq!(parse(V1, OWN), [cpu, systemd, unified]);
    }

    #[test]
    fn a_mount_that_shows_only_a_part_is_read_from_there() {
        let mount = "36 32 0:30 /a /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct";
        assert_eq!(parse(mount, OWN)[0].own, Path::new("/sys/fs/cgroup/cpu,cpuacct/b"));
        let elsewhere = mount.replace("/a ", "/z ");
        assert!(parse(&elsewhere, OWN).is_empty());
    }

    #[test]
    fn of_two_mounts_in_one_place_the_later_counts() {
        let covered = "30 29 0:30 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let mounts = format!("{covered}31 30 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        assert_eq!(parse(&mounts, "0::/\n"), [hierarchy(TREE, "cgroup2", "", TREE)]);
    }
}
