//! An ordinary user to whom a cgroup was delegated, as systemd does for everybody who is logged in: his containers have
//! limits, below his own cgroup and nowhere else. See the kernel's admin-guide/cgroup-v2.rst, "Delegation".

#![forbid(unsafe_code)]

mod worlds;

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use conex_cgroups::{Version, World};
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[Case::root("a_user_limits_his_containers_below_what_is_his", limited)
            .with(&["setpriv"])
            .with_cgroups()
            .unless(|| worlds::not_of(Version::V2))],
        &[env!("CARGO_BIN_EXE_ch02")],
    )
}

const USER: u32 = 4242;

/// A cgroup that belongs to the user, with one in it for his processes.
fn delegate() -> PathBuf {
    let world = World::probe().expect("a world");
    let top = world.unified().expect("a v2 tree").base.join("user");
    for directory in [top.clone(), top.join("session")] {
        fs::create_dir(&directory).expect("a cgroup can be made");
        for path in [directory.clone(), directory.join("cgroup.procs"), directory.join("cgroup.subtree_control")] {
            chown(&path, Some(USER), Some(USER)).expect("given to the user");
        }
    }
    top
}

fn limited(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    chown(&rootfs, Some(USER), Some(USER)).expect("given to the user");
    let top = delegate();
    let read = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max";
    let out =
        as_user(test, &top, &rootfs, &["--limit", "memory=64m", "--limit", "pids=20", "--limit", "cpus=0.5"], read);
    assert_eq!(out.0, "67108864\n20\n50000 100000\n", "{}", out.1);
    let hog = "dd if=/dev/zero of=/dev/null bs=100M count=1; echo $?";
    assert_eq!(as_user(test, &top, &rootfs, &["--limit", "memory=64m"], hog).0, "137\n");
    let left = fs::read_dir(top.join("conex")).expect("where his containers' cgroups lie").flatten();
    assert!(!left.into_iter().any(|entry| entry.path().is_dir()), "nothing is left of them");
    for directory in ["conex", "session", ""] {
        fs::remove_dir(top.join(directory)).expect("it is empty");
    }
}

/// `ch02 run FLAGS… ROOTFS sh -c SCRIPT` in the user's session: what it printed.
fn as_user(test: &TestHost, top: &Path, rootfs: &Path, flags: &[&str], script: &str) -> (String, String) {
    let join = format!("echo 0 > {}/session/cgroup.procs && exec \"$@\"", top.display());
    let (id, mut shell) = (USER.to_string(), Command::new("sh"));
    shell.args(["-c", &join, "sh", "setpriv", "--reuid", &id, "--regid", &id, "--clear-groups"]);
    shell.arg(test.program("ch02")).arg("run").args(flags).arg(rootfs).args(["sh", "-c", script]);
    let output = test.run(&mut shell);
    (output.out, output.err)
}
