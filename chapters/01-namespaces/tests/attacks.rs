//! Flaws that other engines had, each with the test that shows that this one has not. The numbers are the flaws' own.

#![forbid(unsafe_code)]

mod rig;

use std::{
    fs::{self, File},
    os::{fd::AsFd, unix::fs::symlink},
    path::Path,
    process::{Command, ExitCode, Stdio},
};

use conex_kernel::Kernel;
use conex_namespaces::{Part, Plan, Running, spawn};
use rig::{directory, host, id, plan, process};
use rustix::{
    io::{FdFlags, fcntl_setfd},
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt},
    thread::CapabilitySet,
};
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("cve_2024_21626_no_descriptor_of_ours_is_a_way_out_as_root", descriptors),
            Case::user("cve_2024_21626_no_descriptor_of_ours_is_a_way_out_as_a_user", descriptors),
            Case::root("cve_2016_9962_a_process_that_joins_can_t_be_looked_into_as_root", joining),
            Case::user("cve_2016_9962_a_process_that_joins_can_t_be_looked_into_as_a_user", joining),
            Case::root("cve_2017_5226_the_caller_s_terminal_is_out_of_reach", terminal),
            Case::root("cve_2024_40635_a_user_that_wraps_around_to_root_is_refused", users),
            Case::root("cve_2024_40635_a_passwd_file_that_wraps_around_to_root_is_refused", passwd),
            Case::root("a_chroot_inside_leads_nowhere_as_root", chroot),
            Case::user("a_chroot_inside_leads_nowhere_as_a_user", chroot),
            Case::root("cve_2022_0492_no_cgroup_tree_can_be_mounted_or_written_as_root", release_agent),
            Case::user("cve_2022_0492_no_cgroup_tree_can_be_mounted_or_written_as_a_user", release_agent),
        ],
        &[env!("CARGO_BIN_EXE_ch01")],
    )
}

/// Method: sixty descriptors of a directory outside, inherited by the engine; the container looks for each.
fn descriptors(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let outside = test.directory("outside");
    let leaked: Vec<File> = (0..60).map(|_| File::open(&outside).expect("a directory")).collect();
    for file in &leaked {
        fcntl_setfd(file, FdFlags::empty()).expect("a flag");
    }
    let count = "for n in $(seq 0 80); do [ ! -e /proc/self/fd/$n ] || echo $n; done";
    assert_eq!(test.ch01(&[], &rootfs, count).success(), "0\n1\n2\n");
    for n in 0..=64 {
        let path = format!("/proc/self/fd/{n}");
        let output = test.ch01(&["-w", &path], &rootfs, "pwd");
        assert_eq!((output.status, output.out.as_str()), (125, ""), "{path}: {}", output.err);
    }
    symlink("/proc/self/fd/7", rootfs.join("link")).expect("a link");
    let output = test.ch01(&["-w", "/link/below"], &rootfs, "pwd");
    assert_eq!((output.status, output.out.as_str()), (125, ""), "{}", output.err);
    running(test, &rootfs, |pid| {
        let mut command = Command::new(test.program("ch01"));
        let output = test.run(command.args(["exec", pid, "sh", "-c", count]));
        assert_eq!(output.success(), "0\n1\n2\n");
        let mut command = Command::new(test.program("ch01"));
        let output = test.run(command.args(["exec", "-w", "/proc/self/fd/7", pid, "pwd"]));
        assert_eq!((output.status, output.out.as_str()), (125, ""), "{}", output.err);
    });
    drop(leaked);
}

/// Runs `look` while a container sleeps, with its pid.
fn running(test: &TestHost, rootfs: &Path, look: impl FnOnce(&str)) {
    let host = host(test, Kernel::quiet());
    let (id, root) = (id(), directory(rootfs));
    let parts: [&dyn Part; 1] = [&root];
    let container = spawn(&host, &id, &parts, plan(&host, &["sleep", "1000"])).and_then(|waiting| waiting.start());
    look(&container.expect("started").target().pid().to_string());
}

/// Method: one process has joined and waits before its exec; a second, root in there, tries to look into it.
fn joining(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let host = host(test, Kernel::quiet());
    let (id, root) = (id(), directory(&rootfs));
    let parts: [&dyn Part; 1] = [&root];
    let container = spawn(&host, &id, &parts, plan(&host, &["sleep", "1000"])).and_then(|waiting| waiting.start());
    let container = container.expect("started");
    let join = |words: &[&str]| Plan::joining(container.target(), process(words)).expect("a container");
    let waiting = spawn(&host, &id, &[], join(&["sleep", "1000"])).expect("it joins");
    testkit::wait_until("it has joined", || {
        let inside = |pid: i32| fs::read_link(format!("/proc/{pid}/ns/mnt"));
        let (its, theirs) = (inside(waiting.target().pid()), inside(container.target().pid()));
        its.is_err() || its.ok() == theirs.ok()
    });
    let script = "cd /proc; for pid in [0-9]*; do
        [ $pid = $$ ] || { ls $pid/fd > /dev/null 2>&1 && readlink $pid/exe > /dev/null && echo open; } || echo closed
        done > /told";
    let mut look = join(&["sh", "-c", script]);
    // As in a privileged container: with less it could not look into any process of another user.
    look.capabilities = CapabilitySet::all();
    let looked = spawn(&host, &id, &[], look).and_then(|waiting| waiting.start());
    looked.and_then(Running::wait).expect("it looked");
    // Pid 1 is open to its own root; the one that waits is not.
    assert_eq!(fs::read_to_string(rootfs.join("told")).expect("told"), "open\nclosed\n");
}

/// Method: the engine in a session with a terminal, its own three streams elsewhere, so that the container gets none.
fn terminal(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).expect("a pseudo-terminal");
    grantpt(&master).and_then(|()| unlockpt(&master)).expect("unlocked");
    let slave = ioctl_tiocgptpeer(master.as_fd(), flags).expect("its other end");
    let out = test.directory("out").join("told");
    let (ch01, root, told) = (test.program("ch01"), rootfs.display(), out.display());
    let look = "cut -d\" \" -f 6,7 /proc/self/stat; (echo > /dev/tty) || echo no terminal";
    let inner = format!(
        "cut -d' ' -f 7 /proc/self/stat > {told}; {} run {root} sh -c '{look}' < /dev/null >> {told} 2>&1",
        ch01.display()
    );
    let mut command = Command::new("setsid");
    command.args(["--ctty", "--wait", "sh", "-c", &inner]).stdin(Stdio::from(slave));
    assert!(command.status().expect("setsid runs").success());
    let told = fs::read_to_string(&out).expect("told");
    let lines: Vec<&str> = told.lines().collect();
    assert_ne!(lines[0], "0", "the engine had a terminal");
    assert_eq!(lines[1], "1 0", "the container is a session of its own, without a terminal");
    assert_eq!(lines[2..], ["sh: can't create /dev/tty: No such device or address", "no terminal"]);
}

fn users(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    for user in ["4294967296", "4294967295", "2147483648", "-1", "1:2:3", ":grp", "0:-1", "0:4294967296", ""] {
        let output = test.ch01(&["-u", user], &rootfs, "id -u");
        assert_eq!((output.status, output.out.as_str()), (125, ""), "{user}: {}", output.err);
        assert!(output.err.starts_with("error: namespaces: read user"), "{user}: {}", output.err);
    }
    // A user named 0 with other ids is in the container's passwd file.
    assert_eq!(test.ch01(&["-u", "0"], &rootfs, "id -u; echo $HOME").success(), "0\n/root\n");
}

fn passwd(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    for line in ["web:x:4294967295:4294967295::/:/bin/sh\n", "web:x:1:4294967295::/:/bin/sh\n"] {
        fs::write(rootfs.join("etc/passwd"), line).expect("a file");
        let output = test.ch01(&["-u", "web"], &rootfs, "id");
        assert_eq!((output.status, output.out.as_str()), (125, ""));
        assert!(output.err.contains("4294967295 from the container's files: it is more than"), "{}", output.err);
    }
}

fn chroot(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    fs::write(test.directory("outside").join("secret"), "secret").expect("a file");
    let up = "../".repeat(30);
    let script =
        format!("mkdir /in; cd /; chroot /in true; chroot {up} ls {up} | tr '\n' ' '; ls {up}mnt/work/outside");
    let output = test.ch01(&[], &rootfs, &script);
    assert!(output.out.starts_with("bin dev etc in proc"), "{output:?}");
    assert!(!output.out.contains("secret"), "{output:?}");
}

fn release_agent(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let script = "mkdir /c; for kind in cgroup cgroup2; do mount -t $kind x /c 2> /dev/null && echo mounted $kind; done
        mount -o remount,rw /sys/fs/cgroup 2> /dev/null && echo writable
        for file in $(find /sys/fs/cgroup -name release_agent -o -name cgroup.procs -o -name tasks); do
            (echo 0 > $file) 2> /dev/null && echo wrote $file
        done; echo end";
    assert_eq!(test.ch01(&[], &rootfs, script).success(), "end\n");
}
