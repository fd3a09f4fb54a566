//! What this host offers and who we are on it: plain data, so that a plan can be made, and tested, for any host.

use std::{
    fs,
    path::{Path, PathBuf},
};

use conex_kernel::{Error, Result};
use rustix::{
    fs::statfs,
    process::{getegid, geteuid},
    system::uname,
    thread::{CapabilitySet, capabilities},
};

use crate::{IdRange, NAME};

/// One cgroup tree of the host, as the container shall see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// Its directory below /sys/fs/cgroup; empty where the one v2 tree is mounted there itself.
    pub directory: String,
    /// `cgroup` or `cgroup2`.
    pub kind: &'static str,
    /// Mount options that select it: controllers or `name=…`.
    pub options: Vec<String>,
}

/// The facts that plans depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Kernel version: major, minor.
    pub kernel: (u32, u32),
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Effective capabilities, in the user namespace that we are in.
    pub capabilities: CapabilitySet,
    /// Whether we may mount, in the mount namespace that we are in.
    pub may_mount: bool,
    /// The user ids that exist in the user namespace that we are in; all of them on a host.
    pub ids: Vec<IdRange>,
    /// The cgroup trees; one with an empty directory on a v2 host, several on a v1 or hybrid one.
    pub cgroups: Vec<Hierarchy>,
    /// Directories that tell how hot each processor is: as good as a clock for spying on other processes.
    pub thermal_throttles: Vec<PathBuf>,
}

/// Statfs's type of a cgroup v2 tree. See statfs(2).
const CGROUP2_MAGIC: u64 = 0x6367_7270;

impl Facts {
    /// Asks the running kernel. Kernels before 5.15 are refused.
    pub fn probe() -> Result<Self> {
        let facts = Self {
            kernel: version(&uname().release().to_string_lossy()),
            uid: geteuid().as_raw(),
            gid: getegid().as_raw(),
            capabilities: capabilities(None).map_err(|errno| Error::new(NAME, "capget", &errno.into()))?.effective,
            may_mount: conex_kernel::may_mount(),
            ids: ids(&fs::read_to_string("/proc/self/uid_map").unwrap_or_default()),
            cgroups: cgroups(),
            thermal_throttles: thermal_throttles(Path::new("/sys/devices/system/cpu")),
        };
        if facts.kernel < (5, 15) {
            let (major, minor) = facts.kernel;
            let why = format!("this is Linux {major}.{minor}, and conex needs 5.15 or newer");
            return Err(Error::refused(NAME, "look at the kernel", why));
        }
        Ok(facts)
    }

    /// Whether namespaces and detached mounts can be made without a user namespace.
    pub fn is_privileged(&self) -> bool {
        self.may_mount && self.capabilities.contains(CapabilitySet::SYS_ADMIN)
    }

    /// Whether we have root's rights over the machine itself, and not only over a user namespace in which we are root.
    pub fn owns_the_machine(&self) -> bool {
        let all = |ids: &IdRange| ids.inside == 0 && ids.outside == 0 && ids.count == u32::MAX;
        self.is_privileged() && self.ids.iter().any(all)
    }

    /// Whether an id map with this range can be written.
    pub fn may_map(&self, range: IdRange) -> bool {
        let needed = CapabilitySet::SETUID | CapabilitySet::SETGID | CapabilitySet::SYS_ADMIN;
        let exists = |ours: &IdRange| {
            let first = range.outside.checked_sub(ours.inside);
            first.and_then(|first| ours.count.checked_sub(first)).is_some_and(|left| range.count <= left)
        };
        self.is_privileged() && self.capabilities.contains(needed) && self.ids.iter().any(exists)
    }

    /// Whether the host's only cgroup tree is v2.
    pub fn has_unified_cgroups(&self) -> bool {
        matches!(self.cgroups.as_slice(), [one] if one.directory.is_empty())
    }
}

fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// From uid_map's lines, three numbers each. See user_namespaces(7).
fn ids(map: &str) -> Vec<IdRange> {
    let numbers = |line: &str| line.split_whitespace().map(|word| word.parse().ok()).collect::<Option<Vec<u32>>>();
    let ranges = map.lines().filter_map(numbers).filter_map(|numbers| match numbers.as_slice() {
        &[inside, outside, count] => Some(IdRange { inside, outside, count }),
        _ => None,
    });
    ranges.collect()
}

/// Below `cpus`, in order; looked for only if the first processor has one, as in no virtual machine.
fn thermal_throttles(cpus: &Path) -> Vec<PathBuf> {
    if !cpus.join("cpu0/thermal_throttle").exists() {
        return Vec::new();
    }
    let entries = fs::read_dir(cpus).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.map(|entry| entry.path().join("thermal_throttle")).filter(|path| path.exists()).collect();
    found.sort_unstable();
    found
}

fn cgroups() -> Vec<Hierarchy> {
    let unified = statfs("/sys/fs/cgroup").is_ok_and(|fs| fs.f_type as u64 == CGROUP2_MAGIC);
    if unified {
        return vec![Hierarchy { directory: String::new(), kind: "cgroup2", options: Vec::new() }];
    }
    hierarchies(&fs::read_to_string("/proc/self/cgroup").unwrap_or_default())
}

/// From /proc/self/cgroup's lines `ID:CONTROLLERS:PATH`. See cgroups(7).
fn hierarchies(table: &str) -> Vec<Hierarchy> {
    let names = table.lines().filter_map(|line| line.split(':').nth(1));
    names.map(hierarchy).collect()
}

fn hierarchy(controllers: &str) -> Hierarchy {
    match (controllers, controllers.strip_prefix("name=")) {
        ("", _) => Hierarchy { directory: "unified".into(), kind: "cgroup2", options: Vec::new() },
        (_, Some(name)) => {
            Hierarchy { directory: name.into(), kind: "cgroup", options: vec!["none".into(), controllers.into()] }
        }
        _ => {
            let options = controllers.split(',').map(str::to_owned).collect();
            Hierarchy { directory: controllers.into(), kind: "cgroup", options }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_release_begins_with_its_version() {
        assert_eq!(version("6.1.0-25-amd64"), (6, 1));
        assert_eq!(version("5.15-rc1"), (5, 15));
        assert_eq!(version("strange"), (0, 0));
    }

    #[test]
    fn only_ids_that_exist_here_can_be_mapped() {
        let mut facts = crate::flags::tests::facts("");
        let range = |outside, count| IdRange { inside: 0, outside, count };
        facts.ids = ids("         0          0 4294967295\n");
        assert!(facts.may_map(range(100_000, 65_536)) && facts.may_map(range(0, u32::MAX)));
        facts.ids = ids("0 1000 1\n5 7000 10\n");
        assert!(facts.may_map(range(0, 1)) && facts.may_map(range(5, 10)) && facts.may_map(range(14, 1)));
        assert!(!facts.may_map(range(100_000, 1)) && !facts.may_map(range(6, 10)) && !facts.may_map(range(0, 2)));
        facts.may_mount = false;
        assert!(!facts.may_map(range(0, 1)));
    }

    #[test]
    fn every_processor_s_thermal_throttle_is_found() {
        let cpus = std::env::temp_dir().join(format!("conex-facts-{}", std::process::id()));
        assert_eq!(thermal_throttles(&cpus), Vec::<PathBuf>::new());
        for directory in ["cpu0/thermal_throttle", "cpu1/thermal_throttle", "cpufreq"] {
            fs::create_dir_all(cpus.join(directory)).expect("the temporary directory is writable");
        }
        let expected = ["cpu0", "cpu1"].map(|cpu| cpus.join(cpu).join("thermal_throttle"));
        assert_eq!(thermal_throttles(&cpus), expected);
        fs::remove_dir_all(&cpus).expect("it can be removed again");
    }

    #[test]
    fn hybrid_hosts_have_named_controllers_and_the_v2_tree() {
        let all = hierarchies("3:cpu,cpuacct:/\n2:name=systemd:/user\n0::/\n");
        let directories: Vec<&str> = all.iter().map(|one| one.directory.as_str()).collect();
        assert_eq!(directories, ["cpu,cpuacct", "systemd", "unified"]);
        assert_eq!(all[1].options, ["none", "name=systemd"]);
        assert_eq!(all[2].kind, "cgroup2");
    }
}
