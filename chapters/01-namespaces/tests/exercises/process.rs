//! What the checks share: processes in new namespaces that wait, or have a root attached and run what is to be tried.

use std::{
    cell::Cell,
    fs::{self, File},
    io::{Read, Write},
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use conex_kernel::{
    Kernel, Root,
    operations::{AttachRoot, BecomeRoot, ChildMain, ChildPanic, Clone, CloneTree, Cloned, Kill, MakePrivate},
};
use conex_namespaces::IdMaps;
use nix::sched::CloneFlags;
use rustix::mount::MountAttrFlags;

pub(crate) fn quiet() -> Kernel {
    Kernel::quiet()
}

pub(crate) fn own_maps() -> IdMaps {
    IdMaps::single(rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw())
}

/// The exit status of a process that panicked; the text is on standard error.
const PANICKED: i32 = 101;

/// A process that runs `main` in new namespaces; ended when dropped.
pub(crate) struct Process {
    /// As the kernel gave it.
    pub(crate) cloned: Cloned,
}

impl Process {
    pub(crate) fn start<'a>(flags: u64, main: impl FnOnce() -> u8 + 'a) -> Self {
        let panicked: ChildPanic<'_> = Box::new(|_| PANICKED as u8);
        let main: ChildMain<'a> = Box::new(main);
        let main = Cell::new(Some((main, panicked)));
        let cloned = quiet().perform("test", Clone { flags, late: 0, cgroup: None, main }).expect("a clone");
        Self { cloned }
    }

    pub(crate) fn namespace(&self, kind: &str) -> String {
        link(&format!("/proc/{}/ns/{kind}", self.cloned.pid))
    }

    /// Its exit status. One that panicked has said why, and ends this check as well.
    pub(crate) fn wait(&self) -> i32 {
        match nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(self.cloned.pid), None).expect("a child") {
            nix::sys::wait::WaitStatus::Exited(_, PANICKED) => std::panic::resume_unwind(Box::new(())),
            nix::sys::wait::WaitStatus::Exited(_, code) => code,
            other => panic!("it ended with {other:?}"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = quiet().perform("test", Kill { pidfd: self.cloned.pidfd.as_fd(), pid: self.cloned.pid });
        let _ = nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(self.cloned.pid), None);
    }
}

pub(crate) fn link(path: &str) -> String {
    fs::read_link(path).expect("a namespace").display().to_string()
}

/// A process that waits in new namespaces until the writing end is gone.
pub(crate) fn waiting(flags: u64) -> (Process, OwnedFd) {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe");
    let theirs = write.try_clone().expect("a descriptor");
    let process = Process::start(flags, move || {
        drop(theirs);
        let _ = File::from(read).read(&mut [0]);
        0
    });
    (process, write)
}

/// Runs `inside` as root of a new user, mount and pid namespace, with this root attached; gives what it printed.
pub(crate) fn with_root(rootfs: &Path, inside: impl Fn(Root<'_>) -> String) -> String {
    let out = rootfs.join("out");
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe");
    let theirs = write.try_clone().expect("a descriptor");
    let flags = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID;
    let process = Process::start(flags.bits() as u64, || {
        drop(theirs);
        File::from(read).read_exact(&mut [0]).expect("the maps are written");
        let mut out = File::create(&out).expect("a file");
        let kernel = quiet();
        kernel.perform("test", BecomeRoot).expect("root inside");
        kernel.perform("test", MakePrivate).expect("private");
        let tree = kernel.perform("test", CloneTree { source: rootfs, recursive: true }).expect("a tree");
        let attributes = MountAttrFlags::empty();
        let attach = AttachRoot { tree: tree.as_fd(), source: rootfs, made: None, attributes, mapped: false };
        kernel.perform("test", attach).expect("attached");
        out.write_all(inside(Root { fd: tree.as_fd(), path: rootfs }).as_bytes()).expect("written");
        0
    });
    let pid = process.cloned.pid;
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    fs::write(format!("/proc/{pid}/setgroups"), "deny").expect("written");
    fs::write(format!("/proc/{pid}/uid_map"), format!("0 {uid} 1")).expect("written");
    fs::write(format!("/proc/{pid}/gid_map"), format!("0 {gid} 1")).expect("written");
    File::from(write).write_all(b"!").expect("said");
    assert_eq!(process.wait(), 0);
    fs::read_to_string(rootfs.join("out")).expect("told")
}
