//! Limits, sysctls, temporary file systems: words of the command line, checked and turned into what a plan takes.
//! See getrlimit(2), sysctl(8), tmpfs(5).

use conex_kernel::{Kind, Links, operations::Filesystem};
use rustix::{mount::MountAttrFlags, process::Resource, thread::CapabilitySet};

use crate::{
    cgroups::{Cgroup, DeviceRule, World},
    choices::{Choices, Device, Tmpfs, Ulimit},
    failure::{Failure, Result},
    namespaces::{Facts, Limit, Mount, Namespaces, Owners, Plan, Source},
};

const NAME: &str = "namespaces";

const RESOURCES: [(&str, Resource); 16] = [
    ("as", Resource::As),
    ("core", Resource::Core),
    ("cpu", Resource::Cpu),
    ("data", Resource::Data),
    ("fsize", Resource::Fsize),
    ("locks", Resource::Locks),
    ("memlock", Resource::Memlock),
    ("msgqueue", Resource::Msgqueue),
    ("nice", Resource::Nice),
    ("nofile", Resource::Nofile),
    ("nproc", Resource::Nproc),
    ("rss", Resource::Rss),
    ("rtprio", Resource::Rtprio),
    ("rttime", Resource::Rttime),
    ("sigpending", Resource::Sigpending),
    ("stack", Resource::Stack),
];

/// Files that a process may have open unless someone says otherwise, as far as our own hard limit goes: what the
/// launcher happened to have must not leak into containers. The soft one is what programs that use select(2) expect.
const NOFILE: (u64, u64) = (1024, 524_288);

/// The limits of a container's process.
pub(super) fn limits(choices: &Choices) -> Result<Vec<Limit>> {
    let asked = choices.ulimits.iter().map(limit).collect::<Result<Vec<_>>>()?;
    let ours = rustix::process::getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let (soft, hard) = (NOFILE.0.min(ours), NOFILE.1.min(ours));
    let usual = Limit { part: NAME, resource: Resource::Nofile, soft: Some(soft), hard: Some(hard) };
    let is_asked = asked.iter().any(|limit| limit.resource == Resource::Nofile);
    Ok((!is_asked).then_some(usual).into_iter().chain(asked).collect())
}

fn limit(Ulimit { name, soft, hard }: &Ulimit) -> Result<Limit> {
    let resource = RESOURCES.iter().find(|(known, _)| known == name).map(|(_, resource)| *resource);
    let resource = resource.ok_or_else(|| {
        let names: Vec<&str> = RESOURCES.iter().map(|(name, _)| *name).collect();
        Failure::new(format!("there is no limit {name:?}")).with_hint(format!("limits are {}", names.join(" ")))
    })?;
    Ok(Limit { part: NAME, resource, soft: *soft, hard: *hard })
}

/// The cgroups of a container: its limits, and the devices that it may open.
pub(super) fn cgroup(choices: &Choices) -> Result<Cgroup> {
    let devices = (!choices.privileged).then(|| {
        let own = choices.devices.iter().map(|device| device.rule);
        DeviceRule::usual().into_iter().chain(own).chain(choices.device_rules.iter().copied()).collect()
    });
    let cgroup = Cgroup::new(World::probe()?, choices.limits.clone()).with_devices(devices);
    Ok(match &choices.cgroup_parent {
        Some(parent) => cgroup.below(parent)?,
        None => cgroup,
    })
}

/// Docker's 0, if ours is another and may be left: what the launcher happened to have must not leak into containers.
pub(super) fn usual_oom_score_adj(facts: &Facts) -> Option<i32> {
    let ours: i32 = std::fs::read_to_string("/proc/self/oom_score_adj").ok()?.trim().parse().ok()?;
    let may_lower = facts.capabilities.contains(CapabilitySet::SYS_RESOURCE) && facts.owns_the_machine();
    (ours < 0 || (ours > 0 && may_lower)).then_some(0)
}

/// The host's own node, bound.
pub(super) fn device(device: &Device) -> Mount {
    Mount {
        part: "cgroups",
        source: Source::Bind { path: device.path.clone(), recursive: false },
        target: device.target.clone(),
        kind: Kind::File,
        attributes: MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC,
        links: Links::FollowInside,
        owners: Owners::Host,
    }
}

/// Settings that belong to a namespace, by the namespace; a key is one of these or begins with one that ends with a dot.
const OF_IPC: [&str; 9] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
    "fs.mqueue.",
];
const OF_NETWORK: &str = "net.";

/// What every container with a network of its own gets, as docker's do: ping and low ports without being root.
const USUAL: [(&str, &str); 2] =
    [("net.ipv4.ping_group_range", "0 2147483647"), ("net.ipv4.ip_unprivileged_port_start", "0")];

/// Everything to set: the usual, then what was asked for.
pub(super) fn sysctls(choices: &Choices, namespaces: &Namespaces) -> Result<Vec<(String, String)>> {
    let usual = namespaces.net.is_new() && namespaces.user.is_host();
    let usual = USUAL.iter().filter(|(key, _)| usual && !choices.sysctls.contains_key(*key));
    let mut all: Vec<_> = usual.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    for (key, value) in &choices.sysctls {
        check_sysctl(key, value, namespaces)?;
        all.push((key.clone(), value.clone()));
    }
    Ok(all)
}

/// Exact names only: a setting of the whole machine must not be reachable through a clever one (CVE-2022-0811).
fn check_sysctl(key: &str, value: &str, namespaces: &Namespaces) -> Result<()> {
    let refuse = |why: &str| Err(Failure::new(format!("sysctl {key:?} can't be set: {why}")));
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    if !key.chars().all(word) || key.contains("..") || value.contains(['\n', '\0', '+']) {
        return refuse("its name or value holds a character that none has");
    }
    let of_ipc = OF_IPC.iter().any(|known| key == *known || (known.ends_with('.') && key.starts_with(known)));
    match (of_ipc, key.starts_with(OF_NETWORK)) {
        (true, _) if namespaces.ipc.is_new() => Ok(()),
        (true, _) => refuse("the container does not have an IPC namespace of its own"),
        (_, true) if namespaces.net.is_new() => Ok(()),
        (_, true) => refuse("the container does not have a network of its own"),
        _ => refuse("it belongs to the whole machine, not to a container"),
    }
}

/// A tmpfs with docker's options.
pub(super) fn tmpfs(Tmpfs { target, options }: &Tmpfs) -> Result<Mount> {
    let mut attributes =
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let mut own = Vec::new();
    for option in options {
        match option.as_str() {
            "exec" => attributes -= MountAttrFlags::MOUNT_ATTR_NOEXEC,
            "suid" => attributes -= MountAttrFlags::MOUNT_ATTR_NOSUID,
            "dev" => attributes -= MountAttrFlags::MOUNT_ATTR_NODEV,
            "ro" => attributes |= MountAttrFlags::MOUNT_ATTR_RDONLY,
            "noatime" => attributes |= MountAttrFlags::MOUNT_ATTR_NOATIME,
            "nodiratime" => attributes |= MountAttrFlags::MOUNT_ATTR_NODIRATIME,
            "strictatime" => attributes |= MountAttrFlags::MOUNT_ATTR_STRICTATIME,
            "atime" | "diratime" | "relatime" | "defaults" | "async" | "rw" | "noexec" | "nosuid" | "nodev" => {}
            other if ["size=", "mode=", "uid=", "gid=", "nr_inodes="].iter().any(|key| other.starts_with(key)) => {
                own.push(other.to_owned());
            }
            other => {
                let hint =
                    "options are size= mode= uid= gid= nr_inodes= ro rw exec suid dev noatime nodiratime strictatime";
                return Err(Failure::new(format!("a tmpfs has no option {other:?}")).with_hint(hint));
            }
        }
    }
    if !own.iter().any(|option| option.starts_with("mode=")) {
        own.push("mode=1777".into());
    }
    Ok(Mount {
        part: NAME,
        source: Source::New(Filesystem { kind: "tmpfs".into(), source: "tmpfs".into(), options: own, attributes }),
        target: target.clone(),
        kind: Kind::Directory,
        attributes: MountAttrFlags::empty(),
        links: Links::FollowInside,
        owners: Owners::Host,
    })
}

/// Sets the size of /dev/shm.
pub(super) fn size_shared_memory(plan: &mut Plan, bytes: u64) {
    for mount in plan.mounts.iter_mut().filter(|mount| mount.target == std::path::Path::new("/dev/shm")) {
        if let Source::New(Filesystem { options, .. }) = &mut mount.source {
            options.retain(|option| !option.starts_with("size="));
            options.push(format!("size={}k", bytes.div_ceil(1024)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::namespaces::{IdMaps, Slot};

    #[test]
    fn only_settings_of_the_container_s_own_namespaces_can_be_set() {
        let mut own = Namespaces::new(IdMaps::single(0, 0));
        let check = |key: &str, value: &str, namespaces: &Namespaces| check_sysctl(key, value, namespaces).is_ok();
        for good in ["net.ipv4.ip_forward", "kernel.shmmax", "fs.mqueue.msg_max", "net.core.somaxconn"] {
            assert!(check(good, "1", &own), "{good}");
        }
        for bad in [
            "kernel.core_pattern",
            "kernel.shmmax2",
            "vm.swappiness",
            "net/ipv4/ip_forward",
            "net..ipv4",
            "fs.mqueue",
            "kernel.hostname",
            "",
        ] {
            assert!(!check(bad, "1", &own), "{bad}");
        }
        assert!(!check("kernel.shmmax", "1+kernel.core_pattern=|/x", &own) && !check("kernel.sem", "1\n2", &own));
        own.net = Slot::Host;
        own.ipc = Slot::Host;
        assert!(!check("net.ipv4.ip_forward", "1", &own) && !check("kernel.shmmax", "1", &own));
    }
}
