//! A host of the benchmark's own: namespaces that end with it, and a small root file system on a fresh tmpfs, so that
//! the machine's mounts are never touched and no disk is measured. See namespaces(7).

use std::{
    env, fs,
    io::{self, Write},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{self, Command, ExitCode, ExitStatus},
};

use nix::sched::{CloneFlags, unshare};
use rustix::{
    mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount},
    process::{Signal, set_parent_process_death_signal},
};
use testkit::Cgroups;

/// Everything below this directory is ours: a fresh tmpfs.
pub(crate) const PLACE: &str = "/mnt";

/// Tells the program that it was started by itself; its value is the program under test.
const INSIDE: &str = "CONEX_BENCH_PROGRAM";
/// The process outside, after which the host's cgroups are named.
const MAKER: &str = "CONEX_BENCH_MAKER";

const DIRECTORIES: [&str; 7] = ["bin", "dev", "etc", "proc", "root", "sys", "tmp"];
const APPLETS: [&str; 10] = ["cat", "echo", "env", "grep", "pwd", "readlink", "sh", "sort", "stat", "true"];

/// Whether `enter` was here before us.
pub(crate) fn is_inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// The program under test.
pub(crate) fn program() -> PathBuf {
    env::var_os(INSIDE).map(PathBuf::from).unwrap_or_default()
}

/// Starts this program again, as pid 1 of a host of its own, to measure `program`.
pub(crate) fn enter(arguments: &[String], program: &Path) -> io::Result<ExitCode> {
    let cgroups = cgroups(process::id())?;
    cgroups.make()?;
    let status = start(arguments, program);
    cgroups.remove()?;
    let status = status?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(255)))
}

/// The cgroups of the host that this process makes: in there they are the roots.
fn cgroups(maker: u32) -> io::Result<Cgroups> {
    Cgroups::new(format!("conex-bench-{maker}"))
}

fn start(arguments: &[String], program: &Path) -> io::Result<ExitStatus> {
    let flags =
        CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC;
    unshare(flags)?;
    let mut inside = Command::new(env::current_exe()?);
    inside.args(arguments).env(INSIDE, program).env(MAKER, process::id().to_string()).status()
}

/// Moves into the host's cgroups and mounts what it needs.
pub(crate) fn furnish() -> io::Result<()> {
    // If the process outside is interrupted, so is this one, and with it the whole host.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let maker = env::var(MAKER).ok().and_then(|maker| maker.parse().ok()).unwrap_or_default();
    let cgroups = cgroups(maker)?;
    cgroups.join()?;
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWCGROUP)?;
    cgroups.step_down()?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    let plain = MountFlags::NOSUID | MountFlags::NODEV;
    mount("proc", "/proc", "proc", plain | MountFlags::NOEXEC, None)?;
    mount("tmpfs", PLACE, "tmpfs", MountFlags::empty(), Some(c"mode=755"))?;
    cgroups.mount()?;
    // crun refuses hybrid hosts whose v2 tree has a controller, in use or not; where there is no such tree, no matter.
    let _ = unmount("/sys/fs/cgroup/unified", UnmountFlags::DETACH);
    Ok(())
}

/// A small root file system, made anew in a directory.
pub(crate) fn rootfs(directory: &Path) -> io::Result<PathBuf> {
    let rootfs = directory.join("rootfs");
    if rootfs.exists() {
        fs::remove_dir_all(&rootfs)?;
    }
    for directory in DIRECTORIES {
        fs::create_dir_all(rootfs.join(directory))?;
    }
    let busybox = find("busybox").ok_or_else(|| io::Error::other("busybox is not installed"))?;
    fs::copy(busybox, rootfs.join("bin/busybox"))?;
    for applet in APPLETS {
        symlink("busybox", rootfs.join("bin").join(applet))?;
    }
    fs::write(rootfs.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")?;
    fs::write(rootfs.join("etc/group"), "root:x:0:\n")?;
    Ok(rootfs)
}

/// A directory of the target, on a disk, for what is kept from one benchmark to the next.
pub(crate) fn kept(name: &str) -> io::Result<PathBuf> {
    let program = env::current_exe()?;
    // TARGET/release/deps/NAME-HASH.
    let target = program.ancestors().nth(3).ok_or_else(|| io::Error::other("this program lies in no target"))?;
    let directory = target.join(name);
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// Where a program lies along PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|directory| directory.join(program)).find(|path| path.is_file())
}

/// A line for whoever started the benchmark.
pub(crate) fn say(line: &str) {
    // If standard output is gone, so is the reader.
    let _ = writeln!(io::stdout(), "{line}");
}
