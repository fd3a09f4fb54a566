//! The floor: the kernel calls of one container in a straight line. No plan, no messages but one byte, no look-up that
//! guards against a hostile image, no words for errors. What neither rustix nor nix offers safely runs as an operation.

use std::{
    cell::Cell,
    ffi::CString,
    fs,
    io::{self, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use conex::{
    kernel::{
        Operation,
        operations::{Clone, CloseDescriptors, LoopbackUp, NewSession, SetTree},
    },
    namespaces::{Facts, Hierarchy},
};
use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, mkdirat, openat, statat, symlinkat},
    io::{Errno, read, write},
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
        fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount, open_tree,
        unmount,
    },
    pipe::{PipeFlags, pipe_with},
    process::{
        DumpableBehavior, Gid, Signal, Uid, WaitId, WaitIdOptions, chdir, fchdir, pivot_root, set_dumpable_behavior,
        set_parent_process_death_signal, umask, waitid,
    },
    system::sethostname,
    thread::{
        CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, remove_capability_from_bounding_set,
        set_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    },
};

use crate::cloner::PATH;

const MAP: &str = "0 100000 65536";
const CAPABILITIES: u64 = 0xa804_25fb;
const DEVICES: [&str; 6] = ["dev/null", "dev/zero", "dev/full", "dev/random", "dev/urandom", "dev/tty"];
const LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "dev/fd"),
    ("/proc/self/fd/0", "dev/stdin"),
    ("/proc/self/fd/1", "dev/stdout"),
    ("/proc/self/fd/2", "dev/stderr"),
    ("pts/ptmx", "dev/ptmx"),
];
const MASKED: [&str; 12] = [
    "proc/acpi",
    "proc/asound",
    "proc/interrupts",
    "proc/kcore",
    "proc/keys",
    "proc/latency_stats",
    "proc/sched_debug",
    "proc/scsi",
    "proc/timer_list",
    "proc/timer_stats",
    "sys/firmware",
    "sys/devices/virtual/powercap",
];
const READ_ONLY: [&str; 5] = ["proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"];

const NONE: MountAttrFlags = MountAttrFlags::empty();
const RO: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_RDONLY;
const NOSUID: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NOSUID;
const NODEV: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NODEV;
const NOEXEC: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NOEXEC;
const STRICTATIME: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_STRICTATIME;

/// What is known before the first container.
pub(crate) struct Raw {
    rootfs: String,
    cgroups: Vec<Hierarchy>,
    unified: bool,
    program: CString,
    arguments: Vec<CString>,
    environment: [CString; 2],
}

/// What the parent opened for the child.
struct Trees {
    root: OwnedFd,
    devices: Vec<OwnedFd>,
}

impl Raw {
    pub(crate) fn new(rootfs: &str, facts: &Facts, arguments: Vec<CString>) -> Self {
        let program = CString::new([b"/bin/", arguments[0].as_bytes()].concat()).expect("it has no NUL");
        let environment = [PATH, "HOME=/root"].map(|entry| CString::new(entry).expect("it has no NUL"));
        let (cgroups, unified) = (facts.cgroups.clone(), facts.has_unified_cgroups());
        Self { rootfs: rootfs.to_owned(), cgroups, unified, program, arguments, environment }
    }

    /// One container, from nothing to nothing.
    pub(crate) fn run(&self) -> io::Result<()> {
        let root = clone_tree(CWD, &self.rootfs, true)?;
        let mut devices = Vec::with_capacity(DEVICES.len());
        for device in DEVICES {
            let tree = clone_tree(CWD, &format!("/{device}"), false)?;
            set(&tree, NONE, None, false)?;
            devices.push(tree);
        }
        let trees = Trees { root, devices };
        let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
        let mut flags = libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWNET;
        flags |= libc::CLONE_NEWUTS | libc::CLONE_NEWIPC | libc::CLONE_NEWTIME;
        let child = || match self.live(&trees, &ours) {
            Ok(never) => match never {},
            Err(error) => {
                let _ = writeln!(io::stderr(), "raw: {error}");
                125_u8
            }
        };
        let main = Cell::new(Some((Box::new(child) as Box<dyn FnOnce() -> u8>, Box::new(|_| 125_u8) as Box<_>)));
        let cloned = Clone { flags: flags as u64, late: 0, cgroup: None, main }.run()?;
        fs::write(format!("/proc/{}/uid_map", cloned.pid), MAP)?;
        fs::write(format!("/proc/{}/gid_map", cloned.pid), MAP)?;
        let namespace = fs::File::open(format!("/proc/{}/ns/user", cloned.pid))?;
        set(&trees.root, NODEV, Some(namespace.as_fd()), true)?;
        write(&theirs, b"m")?;
        let status = waitid(WaitId::PidFd(cloned.pidfd.as_fd()), WaitIdOptions::EXITED)?;
        match status.and_then(|status| status.exit_status()) {
            Some(0) => Ok(()),
            other => Err(io::Error::other(format!("the raw container ended with {other:?}"))),
        }
    }

    /// The container's process.
    fn live(&self, trees: &Trees, parent: &OwnedFd) -> io::Result<std::convert::Infallible> {
        read(parent, &mut [0])?;
        umask(Mode::from_raw_mode(0o022));
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWCGROUP)?;
        become_root()?;
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
        let root = trees.root.as_fd();
        move_mount(root, "", CWD, "/", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
        mount_all(root, &trees.devices)?;
        self.mount_cgroups(root)?;
        for (to, path) in LINKS {
            symlinkat(to, root, path)?;
        }
        if !self.unified {
            let tree = openat(root, "sys/fs/cgroup", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
            set(&tree, RO | NOSUID | NODEV | NOEXEC, None, false)?;
        }
        seal(root)?;
        sethostname(b"raw")?;
        LoopbackUp.run()?;
        fchdir(root)?;
        pivot_root(".", ".")?;
        unmount(".", UnmountFlags::DETACH)?;
        chdir("/")?;
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        NewSession.run()?;
        drop_privileges()?;
        set_parent_process_death_signal(Some(Signal::KILL))?;
        CloseDescriptors.run()?;
        Ok(nix::unistd::execve(&self.program, &self.arguments, &self.environment)?)
    }

    fn mount_cgroups(&self, root: BorrowedFd<'_>) -> io::Result<()> {
        let attributes = RO | NOSUID | NODEV | NOEXEC;
        if !self.unified {
            attach(&make("tmpfs", "tmpfs", &["mode=755"], NOSUID | NODEV | NOEXEC)?, root, "sys/fs/cgroup")?;
        }
        for Hierarchy { directory, kind, options } in &self.cgroups {
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            let path = format!("sys/fs/cgroup/{directory}");
            if !self.unified {
                mkdirat(root, &path, Mode::from_raw_mode(0o755))?;
            }
            attach(&make(kind, "cgroup", &options, attributes)?, root, &path)?;
        }
        Ok(())
    }
}

fn become_root() -> io::Result<()> {
    set_thread_groups(&[Gid::ROOT])?;
    set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT)?;
    Ok(set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT)?)
}

fn mount_all(root: BorrowedFd<'_>, devices: &[OwnedFd]) -> io::Result<()> {
    attach(&make("proc", "proc", &[], NOSUID | NODEV | NOEXEC)?, root, "proc")?;
    attach(&make("tmpfs", "tmpfs", &["mode=755", "size=65536k"], NOSUID | STRICTATIME)?, root, "dev")?;
    for (path, tree) in DEVICES.iter().zip(devices) {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        openat(root, *path, flags, Mode::from_raw_mode(0o644))?;
        attach(tree, root, path)?;
    }
    for path in ["dev/pts", "dev/shm", "dev/mqueue"] {
        mkdirat(root, path, Mode::from_raw_mode(0o755))?;
    }
    let terminals = make("devpts", "devpts", &["ptmxmode=0666", "mode=0620", "gid=5"], NOSUID | NOEXEC)?;
    attach(&terminals, root, "dev/pts")?;
    attach(&make("tmpfs", "shm", &["mode=1777", "size=65536k"], NOSUID | NODEV | NOEXEC)?, root, "dev/shm")?;
    attach(&make("mqueue", "mqueue", &[], NOSUID | NODEV | NOEXEC)?, root, "dev/mqueue")?;
    attach(&make("sysfs", "sysfs", &[], NOSUID | NODEV | NOEXEC | RO)?, root, "sys")
}

fn seal(root: BorrowedFd<'_>) -> io::Result<()> {
    for path in MASKED {
        let cover = match statat(root, path, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => continue,
            Err(errno) => return Err(errno.into()),
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
                make("tmpfs", "tmpfs", &[], RO)?
            }
            Ok(_) => clone_tree(root, "dev/null", false)?,
        };
        attach(&cover, root, path)?;
    }
    for path in READ_ONLY {
        let tree = match clone_tree(root, path, true) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        set(&tree, RO, None, false)?;
        attach(&tree, root, path)?;
    }
    Ok(())
}

fn drop_privileges() -> io::Result<()> {
    for number in (0..u64::BITS).filter(|number| CAPABILITIES & (1 << number) == 0) {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)) {
            Err(Errno::INVAL) => break,
            done => done?,
        }
    }
    let set = capabilities(None)?.permitted & CapabilitySet::from_bits_retain(CAPABILITIES);
    clear_ambient_capability_set()?;
    let sets = CapabilitySets { effective: set, permitted: set, inheritable: CapabilitySet::empty() };
    Ok(set_capabilities(None, sets)?)
}

fn clone_tree(directory: BorrowedFd<'_>, path: &str, recursive: bool) -> io::Result<OwnedFd> {
    let depth = if recursive { OpenTreeFlags::AT_RECURSIVE } else { OpenTreeFlags::empty() };
    Ok(open_tree(directory, path, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | depth)?)
}

fn set(tree: &OwnedFd, attributes: MountAttrFlags, id_map: Option<BorrowedFd<'_>>, recursive: bool) -> io::Result<()> {
    SetTree { tree: tree.as_fd(), source: Path::new(""), attributes, id_map, recursive }.run()
}

fn make(kind: &str, source: &str, options: &[&str], attributes: MountAttrFlags) -> io::Result<OwnedFd> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(context.as_fd(), "source", source)?;
    for option in options {
        match option.split_once('=') {
            Some((key, value)) => fsconfig_set_string(context.as_fd(), key, value)?,
            None => fsconfig_set_flag(context.as_fd(), *option)?,
        }
    }
    fsconfig_create(context.as_fd())?;
    Ok(fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

fn attach(tree: &OwnedFd, root: BorrowedFd<'_>, path: &str) -> io::Result<()> {
    Ok(move_mount(tree, "", root, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}
