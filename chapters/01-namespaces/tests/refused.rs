//! Hosts that refuse what a container needs: one sentence and the fix, never a bare error number.

#![forbid(unsafe_code)]

use std::{
    fs,
    path::Path,
    process::{Command, ExitCode},
};

use rustix::mount::{UnmountFlags, mount_bind, unmount};
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("where_no_user_namespace_is_left_the_sysctl_is_named", no_namespace_left).with(&["unshare"]),
            Case::root("where_only_root_may_make_user_namespaces_debian_s_switch_is_named", debian)
                .with(&["setpriv"])
                .within("CONEX_VM", "cargo xtask vm"),
            Case::root("where_proc_is_covered_the_cover_is_named", covered),
            Case::root("in_a_chroot_the_chroot_is_named", chrooted),
            Case::user("a_user_who_asks_for_more_ids_than_his_own_is_told", ranges),
            Case::root("ranges_that_overlap_are_told", overlap),
        ],
        &[env!("CARGO_BIN_EXE_ch01")],
    )
}

/// Method: a user namespace whose own limit is none; the machine's stays as it is.
fn no_namespace_left(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let script = r#"echo 0 > /proc/sys/user/max_user_namespaces; exec "$0" run "$1" true"#;
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "sh", "-c", script]).arg(test.program("ch01")).arg(&rootfs);
    let output = test.run(&mut command);
    let expected = "error: namespaces: clone3 user,mount,pid,net,uts,ipc,time: ENOSPC (No space left on device)
hint: this host allows no more of these namespaces; as root: sysctl -w user.max_user_namespaces=15000
";
    assert_eq!((output.status, output.err.replace(",cgroup,time", ",time").as_str()), (125, expected));
}

const SWITCH: &str = "/proc/sys/kernel/unprivileged_userns_clone";

/// Method: the switch is the whole machine's, so the machine is a virtual one.
fn debian(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let as_user = |value: &str| {
        fs::write(SWITCH, value).expect("Debian's kernels have this switch");
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "4242", "--regid", "4242", "--clear-groups"]).arg(test.program("ch01"));
        test.run(command.arg("run").arg(&rootfs).args(["sh", "-c", "echo on $$"]))
    };
    let (off, on) = (as_user("0"), as_user("1"));
    let hint =
        "hint: this host lets only root make user namespaces; as root: sysctl -w kernel.unprivileged_userns_clone=1\n";
    assert!(off.status == 125 && off.err.ends_with(hint) && off.err.contains("EPERM"), "{off:?}");
    assert_eq!(on.success(), "on 1\n");
}

fn covered(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    mount_bind("/dev/null", "/proc/keys").expect("covered");
    let output = test.ch01(&[], &rootfs, "true");
    unmount("/proc/keys", UnmountFlags::empty()).expect("uncovered");
    let expected = "error: namespaces: mount proc on /proc: EPERM (Operation not permitted)
hint: parts of our own /proc or /sys are covered, as inside a container, and a new one would show them; start that container with --security-opt systempaths=unconfined
";
    assert_eq!((output.status, output.err.as_str()), (125, expected));
}

/// Method: a chroot with the machine's programs and the test host's own, in a mount namespace that ends with it.
fn chrooted(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let script = r#"mkdir -p c/proc c/dev c/mnt c/usr &&
        for tree in dev mnt usr; do mount --rbind /$tree c/$tree || exit; done &&
        ln -s usr/bin usr/lib usr/lib64 c && mount -t proc proc c/proc &&
        for user in 0 4242; do chroot --userspec $user:$user c "$0" run "$1" true; done"#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]).arg(test.program("ch01")).arg(&rootfs).current_dir(&test.root);
    let output = test.run(&mut command);
    let hint = "hint: we are in a chroot, whose root is no mount; ";
    let (refused, told) = (output.err.matches("EPERM").count(), output.err.matches(hint).count());
    assert_eq!((output.status, refused, told), (125, 2, 2), "{}", output.err);
}

fn ranges(test: &TestHost) {
    let own = format!("0:{}:1", rustix::process::getuid().as_raw());
    let rootfs = test.rootfs("own");
    assert_eq!(test.ch01(&["--map", &own], &rootfs, "id -u").success(), "0\n");
    let output = test.ch01(&["--map", &own.replacen('0', "5", 1)], &rootfs, "true");
    assert!(output.err.contains("it does not have id 0"), "{}", output.err);
    let expected = "error: namespaces: write uid_map 0 0 10: EPERM (Operation not permitted)
hint: an ordinary user may give a container only his own id, as root's; for more, be root
";
    expect(test, &["--map", "0:0:10"], expected);
}

fn overlap(test: &TestHost) {
    let expected = "error: namespaces: write uid_map 0 100 10, 5 200 10: EINVAL (Invalid argument)
hint: ranges may not overlap, and there may be 340 at most
";
    expect(test, &["--map", "0:100:10", "--map", "5:200:10"], expected);
}

#[track_caller]
fn expect(test: &TestHost, options: &[&str], expected: &str) {
    let rootfs: &Path = &test.rootfs("rootfs");
    let output = test.ch01(options, rootfs, "true");
    assert_eq!((output.status, output.err.as_str()), (125, expected));
}
