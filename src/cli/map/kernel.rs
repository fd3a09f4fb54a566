//! What the kernel says of a container, read from /proc and from its cgroups. See proc(5), cgroups(7).

use std::{
    collections::BTreeMap,
    fmt, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{Engine, Result, State, namespaces::ContainerId};

/// A process, by the host's count and by its own.
#[derive(Serialize)]
pub(super) struct Process {
    pid: i32,
    pid_inside: i32,
    command: String,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (inside: {}) {}", self.pid, self.pid_inside, self.command)
    }
}

/// Those of these pids that still live.
pub(super) fn processes(pids: &[i32]) -> Vec<Process> {
    let one = |pid: &i32| {
        let process = procfs::process::Process::new(*pid).ok()?;
        let status = process.status().ok()?;
        let command = process.cmdline().ok().filter(|words| !words.is_empty());
        Some(Process {
            pid: *pid,
            pid_inside: status.nspid.and_then(|pids| pids.last().copied()).unwrap_or(*pid),
            command: plain(&command.map_or_else(|| format!("[{}]", status.name), |words| words.join(" "))),
        })
    };
    pids.iter().filter_map(one).collect()
}

/// What a container made up does nothing to a terminal, and is one line.
fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// A namespace, and who else is in it.
#[derive(Serialize)]
pub(super) struct Namespace {
    kind: String,
    number: u64,
    /// Whether the host's own processes are in it.
    is_host_s: bool,
    /// Other containers.
    shared_with: Vec<String>,
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.kind, self.number)?;
        match (self.is_host_s, self.shared_with.as_slice()) {
            (true, _) => f.write_str("the host's"),
            (false, []) => f.write_str("its own"),
            (false, others) => write!(f, "shared with {}", others.join(", ")),
        }
    }
}

/// Those of a process, by kind.
pub(super) fn namespaces(pid: i32, id: &ContainerId, engine: &Engine) -> Result<Vec<Namespace>> {
    let others: Vec<(String, BTreeMap<String, u64>)> = engine
        .list()?
        .into_iter()
        .filter(|entry| entry.id != *id)
        .filter_map(|entry| {
            let pid = entry.state.ok().and_then(|state: State| state.process)?.pid;
            let name = entry.name.map_or_else(|| entry.id.short().to_owned(), |name| name.as_str().to_owned());
            Some((name, numbers(&pid.to_string())))
        })
        .collect();
    let host = numbers("self");
    let all = numbers(&pid.to_string()).into_iter().map(|(kind, number)| {
        let is_in = |numbers: &BTreeMap<String, u64>| numbers.get(&kind) == Some(&number);
        let shared_with = others.iter().filter(|(_, numbers)| is_in(numbers)).map(|(name, _)| name.clone()).collect();
        Namespace { is_host_s: is_in(&host), shared_with, kind, number }
    });
    Ok(all.collect())
}

/// The numbers of a process's namespaces. Those that its children would be in are not its own.
fn numbers(pid: &str) -> BTreeMap<String, u64> {
    let entries = fs::read_dir(format!("/proc/{pid}/ns")).into_iter().flatten().flatten();
    let number = |path: PathBuf| Some(fs::metadata(path).ok()?.ino());
    let all = entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, number(entry.path())?)));
    all.filter(|(kind, _)| !kind.ends_with("_for_children")).collect()
}

/// A cgroup, and what its files say.
#[derive(Serialize)]
pub(super) struct Cgroup {
    directory: PathBuf,
    files: Vec<(String, String)>,
}

impl fmt::Display for Cgroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.directory.display())?;
        self.files.iter().try_for_each(|(name, value)| write!(f, "\n{name}: {value}"))
    }
}

/// The files that chapter 2 writes or reads, of both versions.
const FILES: [&str; 25] = [
    "blkio.weight",
    "cgroup.freeze",
    "cpu.cfs_period_us",
    "cpu.cfs_quota_us",
    "cpu.max",
    "cpu.shares",
    "cpu.weight",
    "cpuacct.usage",
    "cpuset.cpus",
    "cpuset.mems",
    "devices.list",
    "freezer.state",
    "io.max",
    "io.weight",
    "memory.current",
    "memory.high",
    "memory.limit_in_bytes",
    "memory.low",
    "memory.max",
    "memory.memsw.limit_in_bytes",
    "memory.soft_limit_in_bytes",
    "memory.swap.max",
    "memory.usage_in_bytes",
    "pids.current",
    "pids.max",
];

/// What is there and says something.
pub(super) fn cgroups(directories: &[PathBuf]) -> Vec<Cgroup> {
    let of = |directory: &PathBuf| {
        let value = |name: &&str| {
            let text = fs::read_to_string(directory.join(name)).ok()?;
            let text = text.trim().replace('\n', ", ");
            (!text.is_empty()).then(|| ((*name).to_owned(), text))
        };
        Cgroup { directory: directory.clone(), files: FILES.iter().filter_map(value).collect() }
    };
    directories.iter().map(of).collect()
}

/// A mount as the container sees it.
#[derive(Serialize)]
pub(super) struct Mount {
    chapter: u8,
    target: PathBuf,
    kind: String,
    source: String,
    read_only: bool,
}

impl fmt::Display for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rights = if self.read_only { "read-only" } else { "writable" };
        let Self { target, kind, source, chapter, .. } = self;
        write!(f, "{} {kind} {} {rights}", plain(&target.to_string_lossy()), plain(source))?;
        // The root is what this branch is about.
        if *chapter == ROOT { Ok(()) } else { write!(f, " (chapter {chapter})") }
    }
}

const ROOT: u8 = 3;

/// Those of a process's mount namespace.
pub(super) fn mounts(pid: i32) -> Vec<Mount> {
    let table = procfs::process::Process::new(pid).and_then(|process| process.mountinfo());
    let all = table.into_iter().flat_map(|table| table.0).map(|mount| Mount {
        chapter: chapter(&mount.mount_point, &mount.fs_type),
        read_only: mount.mount_options.contains_key("ro"),
        source: match mount.mount_source {
            Some(source) if source.starts_with('/') => source,
            source if mount.root == "/" => source.unwrap_or_default(),
            // A part of a file system: which one.
            _ => mount.root,
        },
        target: mount.mount_point,
        kind: mount.fs_type,
    });
    all.collect()
}

/// The one that mounts it.
fn chapter(target: &Path, kind: &str) -> u8 {
    let generated = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];
    match kind {
        _ if target == Path::new("/") => ROOT,
        "cgroup" | "cgroup2" => 2,
        _ if target.starts_with("/sys/fs/cgroup") => 2,
        _ if generated.iter().any(|path| target == Path::new(path)) => 6,
        _ if ["/proc", "/sys", "/dev"].iter().any(|path| target.starts_with(path)) => 1,
        _ => 5,
    }
}

/// A link of its network, and what it has carried.
#[derive(Serialize)]
pub(super) struct Link {
    name: String,
    addresses: Vec<String>,
    received_bytes: u64,
    sent_bytes: u64,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, addresses, received_bytes, sent_bytes } = self;
        write!(f, "{name} {}", addresses.join(" "))?;
        write!(f, "{}{received_bytes} bytes in, {sent_bytes} out", if addresses.is_empty() { "" } else { " " })
    }
}

/// Those of a process's network namespace. See proc_pid_net(5).
pub(super) fn links(pid: i32) -> Vec<Link> {
    let Ok(table) = procfs::process::Process::new(pid).and_then(|process| process.dev_status()) else {
        return Vec::new();
    };
    let addresses = fs::read_to_string(format!("/proc/{pid}/net/if_inet6")).unwrap_or_default();
    let of = |link: &str| {
        let lines = addresses.lines().filter(|line| line.split_whitespace().last() == Some(link));
        let address = |line: &str| u128::from_str_radix(line.split_whitespace().next()?, 16).ok();
        lines.filter_map(address).map(|bits| std::net::Ipv6Addr::from_bits(bits).to_string()).collect()
    };
    let mut all: Vec<Link> = table
        .into_values()
        .map(|link| Link {
            addresses: of(&link.name),
            name: link.name,
            received_bytes: link.recv_bytes,
            sent_bytes: link.sent_bytes,
        })
        .collect();
    all.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    all
}
