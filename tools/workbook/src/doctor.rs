//! What this machine can run and what it can't: each finding names the misleading error that it prevents, and the fix.
//! A chapter adds its own probes to the table.

mod attributes;
mod cgroups;

use std::{fs, io::Read, path::Path, process::Command};

use anyhow::{Result, bail};
use serde::Serialize;

/// What one probe found.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The floor that needs it; `all` for what every chapter needs.
    pub chapter: &'static str,
    /// What was looked at.
    pub name: &'static str,
    /// Whether it is as it must be.
    pub ok: bool,
    /// What there is.
    pub found: String,
    /// The error that would mislead without it.
    pub prevents: &'static str,
    /// What to do about it.
    pub fix: &'static str,
}

struct Probe {
    chapter: &'static str,
    name: &'static str,
    prevents: &'static str,
    fix: &'static str,
    /// Whether it is as it must be, and what there is.
    look: fn(&Path) -> (bool, String),
}

const PROBES: &[Probe] = &[
    Probe {
        chapter: "all",
        name: "kernel",
        prevents: "ENOSYS (Function not implemented) from clone3 or mount_setattr",
        fix: "Linux 5.15 or newer; on another system, a virtual machine",
        look: kernel,
    },
    Probe {
        chapter: "all",
        name: "git",
        prevents: "\"start git: No such file or directory\" from new, start and diff",
        fix: "on Debian: apt-get install git",
        look: |_| program("git", &["--version"]),
    },
    Probe {
        chapter: "all",
        name: "busybox",
        prevents: "\"not found\" for programs that are there: their libraries are not in the checks' root",
        fix: "on Debian: apt-get install busybox-static",
        look: busybox,
    },
    Probe {
        chapter: "all",
        name: "room on the disk",
        prevents: "\"No space left on device\" from the linker",
        fix: "free 4 GB, or set CARGO_TARGET_DIR to a larger disk",
        look: room,
    },
    Probe {
        chapter: "all",
        name: "the tree's disk",
        prevents: "a --watch that never sees a change, and a build of many minutes",
        fix: "a shared folder is slow: set CARGO_TARGET_DIR to a disk of this machine's own (--watch polls and works)",
        look: shared,
    },
    Probe {
        chapter: "namespaces",
        name: "user namespaces",
        prevents: "EPERM (Operation not permitted) or ENOSPC (No space left on device) from clone3",
        fix: "be root, or have root set the sysctl that doctor names",
        look: user_namespaces,
    },
    Probe {
        chapter: "namespaces",
        name: "all eight kinds",
        prevents: "EINVAL (Invalid argument) from clone3",
        fix: "a kernel with CONFIG_NAMESPACES and all that it has below it, as distributions' kernels are",
        look: kinds,
    },
    Probe {
        chapter: "namespaces",
        name: "root is a mount",
        prevents: "EPERM from clone3 in a chroot, and EINVAL from pivot_root",
        fix: "enter the root with pivot_root, bwrap or systemd-nspawn instead of chroot",
        look: root_is_a_mount,
    },
    Probe {
        chapter: "namespaces",
        name: "uncovered /proc",
        prevents: "EPERM from the mount of proc, in a container that hides parts of its own",
        fix: "leave the container, or start it with --security-opt systempaths=unconfined",
        look: uncovered_proc,
    },
    Probe {
        chapter: "cgroups",
        name: "controllers",
        prevents: "ENOENT (No such file or directory) for memory.max or pids.max",
        fix: "boot with cgroup_enable=memory, or without cgroup_disable=memory; in a container, run it with --privileged",
        look: cgroups::controllers,
    },
    Probe {
        chapter: "cgroups",
        name: "writable cgroups",
        prevents: "EROFS (Read-only file system) from the first mkdir, in a container",
        fix: "leave the container, or start it with --privileged",
        look: cgroups::writable,
    },
    Probe {
        chapter: "cgroups",
        name: "root",
        prevents: "EACCES (Permission denied) from mkdir below /sys/fs/cgroup",
        fix: "be root, or have sudo: only the built checks are run with it, never cargo",
        look: cgroups::root,
    },
    Probe {
        chapter: "overlay",
        name: "overlay",
        prevents: "ENODEV (No such device) from fsopen or mount",
        fix: "as root: modprobe overlay; a kernel with CONFIG_OVERLAY_FS, as distributions' kernels are",
        look: overlay,
    },
    Probe {
        chapter: "overlay",
        name: "a disk for uppers",
        prevents: "EINVAL (Invalid argument) from an overlay whose upper directory lies on another overlay, as in a container",
        fix: "set TMPDIR to a directory on a disk or a tmpfs",
        look: upper,
    },
    Probe {
        chapter: "image",
        name: "sha256sum",
        prevents: "a check that is skipped, and \"sha256sum: not found\"",
        fix: "on Debian: apt-get install coreutils",
        look: |_| program("sha256sum", &["--version"]),
    },
    Probe {
        chapter: "image",
        name: "attributes of users",
        prevents: "EOPNOTSUPP (Operation not supported) from the mark of an opaque directory, for an ordinary user",
        fix: "set TMPDIR to a directory on a disk, or on a tmpfs of Linux 6.6 or newer",
        look: attributes::of_users,
    },
];

/// Looks at what all chapters need, and at what one or every one needs.
pub fn examine(root: &Path, chapter: Option<&str>) -> Result<Vec<Finding>> {
    let known = |word: &str| PROBES.iter().any(|probe| probe.chapter == word);
    if let Some(word) = chapter.filter(|word| !known(word)) {
        bail!("there is no chapter {word:?} that doctor knows");
    }
    let meant = |probe: &&Probe| probe.chapter == "all" || chapter.is_none_or(|word| word == probe.chapter);
    Ok(PROBES.iter().filter(meant).map(|probe| probe.finding(root)).collect())
}

impl Probe {
    fn finding(&self, root: &Path) -> Finding {
        let Self { chapter, name, prevents, fix, look } = *self;
        let (ok, found) = look(root);
        Finding { chapter, name, ok, found, prevents, fix }
    }
}

fn kernel(_root: &Path) -> (bool, String) {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    (numbers.next().zip(numbers.next()) >= Some((5, 15)), format!("Linux {release}"))
}

/// Whether a program runs, and its first line.
fn program(name: &str, arguments: &[&str]) -> (bool, String) {
    match Command::new(name).args(arguments).output() {
        Ok(output) => {
            (true, String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or("it is there").to_owned())
        }
        Err(error) => (false, format!("{name}: {error}")),
    }
}

/// A program that is not static names its interpreter at its beginning.
fn busybox(_root: &Path) -> (bool, String) {
    let path = std::env::var("PATH").unwrap_or_default();
    let directories = path.split(':').chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"]);
    let Some(path) = directories.map(|one| Path::new(one).join("busybox")).find(|path| path.is_file()) else {
        return (false, "it is not there".to_owned());
    };
    let mut start = Vec::new();
    let read = fs::File::open(&path).and_then(|file| file.take(4096).read_to_end(&mut start));
    let dynamic = read.is_err() || start.windows(4).any(|window| window == b"/ld-");
    (!dynamic, format!("{}, {}", path.display(), if dynamic { "which needs libraries" } else { "static" }))
}

fn room(root: &Path) -> (bool, String) {
    const NEEDED: u64 = 4 << 30;
    match rustix::fs::statvfs(root) {
        Ok(disk) => {
            let free = disk.f_bavail * disk.f_frsize;
            (free >= NEEDED, format!("{:.0} GB are free", free as f64 / 1e9))
        }
        Err(errno) => (false, format!("statvfs: {errno}")),
    }
}

/// File systems that a virtual machine has from its host.
fn shared(root: &Path) -> (bool, String) {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mounts = table.lines().filter_map(|line| {
        let (head, tail) = line.split_once(" - ")?;
        Some((head.split(' ').nth(4)?, tail.split(' ').next()?))
    });
    let holds = mounts.filter(|(point, _)| root.starts_with(point)).max_by_key(|(point, _)| point.len());
    let kind = holds.map_or("unknown", |(_, kind)| kind);
    let shared = ["9p", "virtiofs", "vboxsf", "prl_fs", "fuse.vmhgfs-fuse", "fuse.sshfs", "nfs", "nfs4", "cifs"];
    (!shared.contains(&kind), kind.to_owned())
}

/// Tries, and names the switch that forbids it.
fn user_namespaces(_root: &Path) -> (bool, String) {
    if unshare(&["--user", "--map-root-user"]) {
        return (true, "they can be made".to_owned());
    }
    let switches = [
        ("kernel/unprivileged_userns_clone", "0"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1"),
        ("user/max_user_namespaces", "0"),
    ];
    let value = |name: &str| fs::read_to_string(format!("/proc/sys/{name}")).unwrap_or_default();
    let found = switches.iter().find(|(name, bad)| value(name).trim() == *bad);
    let why = found.map_or("no switch that we know".to_owned(), |(name, bad)| {
        format!("sysctl {} = {bad}", name.replace('/', "."))
    });
    (false, format!("forbidden by {why}"))
}

fn kinds(_root: &Path) -> (bool, String) {
    let all = ["user", "mnt", "pid", "net", "uts", "ipc", "cgroup", "time"];
    let there = |kind: &&str| Path::new("/proc/self/ns").join(kind).symlink_metadata().is_ok();
    let missing: Vec<&str> = all.into_iter().filter(|kind| !there(kind)).collect();
    let found = if missing.is_empty() { "there".to_owned() } else { format!("missing: {}", missing.join(", ")) };
    (missing.is_empty(), found)
}

fn root_is_a_mount(_root: &Path) -> (bool, String) {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mount = table.lines().any(|line| line.split(' ').nth(4) == Some("/"));
    (mount, if mount { "it is" } else { "it is a directory inside one: this is a chroot" }.to_owned())
}

/// A module that is not loaded yet is loaded when root asks for it.
fn overlay(_root: &Path) -> (bool, String) {
    let table = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let known = table.lines().any(|line| line.split_whitespace().last() == Some("overlay"));
    (known, if known { "the kernel has it" } else { "the kernel does not know it" }.to_owned())
}

/// Where the checks and `ch03` put what is written.
fn upper(_root: &Path) -> (bool, String) {
    const OVERLAYFS: i64 = 0x794c_7630;
    let place = std::env::temp_dir();
    match rustix::fs::statfs(&place) {
        Ok(disk) if disk.f_type == OVERLAYFS => (false, format!("{} lies on an overlay", place.display())),
        Ok(_) => (true, format!("{} can be written over layers", place.display())),
        Err(errno) => (false, format!("statfs {}: {errno}", place.display())),
    }
}

fn uncovered_proc(_root: &Path) -> (bool, String) {
    let can = unshare(&["--user", "--map-root-user", "--pid", "--fork", "--mount", "--mount-proc"]);
    (can, if can { "a new one can be mounted" } else { "a new one can't be mounted" }.to_owned())
}

fn unshare(arguments: &[&str]) -> bool {
    Command::new("unshare").args(arguments).arg("true").output().is_ok_and(|output| output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chapter_s_probes_come_with_what_all_need() {
        let of = |chapter| examine(Path::new("/"), chapter).map(|all| all.len());
        let all = of(None).expect("all");
        assert!(["namespaces", "cgroups", "overlay", "image"].iter().all(|one| of(Some(one)).expect("known") < all));
        assert!(of(Some("all")).expect("known") < PROBES.len());
        assert!(of(Some("nothing")).is_err());
    }
}
