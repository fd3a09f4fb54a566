//! What a container gets unless someone says otherwise: all namespaces new, docker's mounts, devices, masks and
//! capabilities. The lists are docker's of 2026, so that images find what they expect.

use std::path::{Path, PathBuf};

use conex_kernel::{Error, Kind, Links, Result, operations::Filesystem};
use rustix::{mount::MountAttrFlags, thread::CapabilitySet};

use crate::{
    ContainerId, Facts, IdMaps, IdRange, Mount, NAME, Namespaces, Owners, Plan, Process, Slot, Source, Target, User,
};

const RO: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_RDONLY;
const NOSUID: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NOSUID;
const NODEV: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NODEV;
const NOEXEC: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NOEXEC;
const STRICTATIME: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_STRICTATIME;

/// A range that no distribution gives to users by default, for containers that root starts.
const ROOT_RANGE: IdRange = IdRange { inside: 0, outside: 100_000, count: 65_536 };

const DEVICES: [(&str, (u32, u32)); 6] = [
    ("/dev/null", (1, 3)),
    ("/dev/zero", (1, 5)),
    ("/dev/full", (1, 7)),
    ("/dev/random", (1, 8)),
    ("/dev/urandom", (1, 9)),
    ("/dev/tty", (5, 0)),
];

const DEVICE_LINKS: [(&str, &str); 5] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/ptmx", "pts/ptmx"),
];

const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];

const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Docker's fourteen.
const CAPABILITIES: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::MKNOD)
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::SYS_CHROOT)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::AUDIT_WRITE);

impl Plan {
    /// A container in eight namespaces of its own; its root is for a part to bring.
    pub fn isolated(facts: &Facts, id: &ContainerId, process: Process) -> Self {
        let maps = match facts.may_map(ROOT_RANGE) {
            true => IdMaps::ranges(vec![ROOT_RANGE]),
            false => IdMaps::single(facts.uid, facts.gid),
        };
        let mut plan = Self::bare(Namespaces::new(maps), process);
        plan.proc = true;
        plan.mounts = default_mounts(facts);
        plan.links = DEVICE_LINKS.map(|(path, to)| (path.into(), to.into())).to_vec();
        plan.masked = MASKED.iter().map(PathBuf::from).chain(facts.thermal_throttles.iter().cloned()).collect();
        plan.read_only = READ_ONLY.map(PathBuf::from).to_vec();
        plan.hostname = Some(id.short().to_owned());
        plan
    }

    /// One more process in a container that runs.
    pub fn joining(target: &Target, process: Process) -> Result<Self> {
        let namespaces = target.namespaces()?;
        if namespaces.joined().is_empty() {
            let operation = format!("join pid {}", target.pid());
            return Err(Error::refused(NAME, operation, "it is in no container: all its namespaces are ours"));
        }
        Ok(Self::bare(namespaces, process))
    }

    /// Gives a new user namespace other maps; devpts's group must be one of theirs.
    pub fn map_ids(&mut self, maps: IdMaps) {
        self.namespaces.user = Slot::New(maps);
    }

    fn bare(namespaces: Namespaces, process: Process) -> Self {
        Self {
            namespaces,
            root: None,
            proc: false,
            sysctls: Vec::new(),
            mounts: Vec::new(),
            links: Vec::new(),
            masked: Vec::new(),
            read_only: Vec::new(),
            hostname: None,
            domainname: None,
            user: User::ROOT,
            capabilities: CAPABILITIES,
            seccomp: None,
            limits: Vec::new(),
            cgroup: None,
            oom_score_adj: None,
            console: None,
            process,
        }
    }
}

fn default_mounts(facts: &Facts) -> Vec<Mount> {
    let device = |(path, number): (&str, _)| Mount {
        kind: Kind::File,
        ..mount(path, Source::Device { path: path.into(), number })
    };
    let mut mounts = vec![new("tmpfs", "/dev", &["mode=755", "size=65536k"], NOSUID | STRICTATIME)];
    mounts.extend(DEVICES.map(device));
    mounts.extend([
        new("devpts", "/dev/pts", &["ptmxmode=0666", "mode=0620", "gid=5"], NOSUID | NOEXEC),
        named("shm", new("tmpfs", "/dev/shm", &["mode=1777", "size=65536k"], NOSUID | NODEV | NOEXEC)),
        new("mqueue", "/dev/mqueue", &[], NOSUID | NODEV | NOEXEC),
        new("sysfs", "/sys", &[], NOSUID | NODEV | NOEXEC | RO),
    ]);
    mounts.extend(cgroup_mounts(facts));
    mounts
}

/// One read-only tree on a v2 host; a tmpfs with a directory for each hierarchy on the others, as systemd lays them out.
fn cgroup_mounts(facts: &Facts) -> Vec<Mount> {
    let attributes = NOSUID | NODEV | NOEXEC | RO;
    let hierarchy = |one: &crate::Hierarchy| {
        let target = Path::new("/sys/fs/cgroup").join(&one.directory);
        let options: Vec<&str> = one.options.iter().map(String::as_str).collect();
        named("cgroup", new(one.kind, &target.to_string_lossy(), &options, attributes))
    };
    let mut mounts: Vec<Mount> = facts.cgroups.iter().map(hierarchy).collect();
    if !facts.has_unified_cgroups() && !mounts.is_empty() {
        // Read-only only once the directories inside it are made.
        let tree = new("tmpfs", "/sys/fs/cgroup", &["mode=755"], NOSUID | NODEV | NOEXEC);
        mounts.insert(0, Mount { attributes: RO, ..tree });
    }
    mounts
}

fn new(kind: &str, target: &str, options: &[&str], attributes: MountAttrFlags) -> Mount {
    let options = options.iter().map(|option| (*option).to_owned()).collect();
    mount(target, Source::New(Filesystem { kind: kind.into(), source: kind.into(), options, attributes }))
}

/// The same file system under the source's name that mountinfo shows elsewhere.
fn named(name: &str, mut mount: Mount) -> Mount {
    if let Source::New(filesystem) = &mut mount.source {
        name.clone_into(&mut filesystem.source);
    }
    mount
}

fn mount(target: &str, source: Source) -> Mount {
    Mount {
        part: NAME,
        source,
        target: target.into(),
        kind: Kind::Directory,
        attributes: MountAttrFlags::empty(),
        links: Links::Refuse,
        owners: Owners::Host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_capabilities_are_docker_s() {
        assert_eq!(CAPABILITIES.bits(), 0xa804_25fb);
    }
}
