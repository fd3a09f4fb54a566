//! What a process sees in our container beside what it sees in runc's, made of the same directory with the same wishes:
//! ids, rights, mounts, devices, descriptors. Every difference is intended, and listed here.

#![forbid(unsafe_code)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use rustix::mount::{MountFlags, mount_remount};
use serde_json::{Value, json};
use testkit::{Case, DESCRIBE, TestHost, facts};

fn main() -> ExitCode {
    testkit::run(
        &[Case::root("a_process_sees_what_it_sees_in_runc_s_container", same).with(&["runc"])],
        &[env!("CARGO_BIN_EXE_ch01")],
    )
}

fn same(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    for directory in ["dev/shm", "dev/mqueue"] {
        fs::create_dir_all(rootfs.join(directory)).expect("a directory");
    }
    let ours = test.ch01(&["--hostname", "box", "--user", "0:0"], &rootfs, DESCRIBE).success();
    remount_cgroups(MountFlags::RDONLY);
    let theirs = run_runc(test, &rootfs);
    remount_cgroups(MountFlags::empty());
    let (ours, theirs) = (facts(&ours), facts(&theirs));
    assert!(ours.len() > 60, "the container describes itself: {ours:?}");
    let only = |these: &BTreeSet<String>, those: &BTreeSet<String>| {
        these.difference(those).filter(|fact| !is_intended(fact)).cloned().collect::<Vec<_>>()
    };
    assert_eq!((only(&ours, &theirs), only(&theirs, &ours)), (vec![], vec![]), "only ours, only runc's");
    testkit::say(&format!("  {} facts are the same", ours.intersection(&theirs).count()));
}

/// - runc links /dev/core to /proc/kcore where there is one; we mask that file, and so have no link to it.
/// - Our root is nodev: an image's own device nodes don't open (runc leaves that to the device cgroup).
/// - runc shows the v1 hierarchies by its own names and only those with a controller; ours are the host's, and on
///   such hosts the v2 tree is one of them.
/// - runc's cover of a masked directory is a tmpfs that is read-only itself; ours is a read-only mount of one.
fn is_intended(fact: &str) -> bool {
    ["mount / rw", "mount /sys/fs/cgroup", "device /dev/core "].iter().any(|start| fact.starts_with(start))
}

/// runc makes cgroups of its own; in this host it may not, and without root's rights it does not insist.
fn remount_cgroups(flags: MountFlags) {
    let table = fs::read_to_string("/proc/self/mounts").expect("our mounts");
    let points = table.lines().filter_map(|line| line.split(' ').nth(1));
    for point in points.filter(|point| point.starts_with("/sys/fs/cgroup")) {
        mount_remount(point, MountFlags::BIND | flags, "").expect("remounted");
    }
}

fn run_runc(test: &TestHost, rootfs: &Path) -> String {
    let bundle = test.directory("bundle");
    fs::write(bundle.join("config.json"), config(rootfs).to_string()).expect("a file");
    let state: PathBuf = test.directory("runc");
    let mut command = Command::new("runc");
    command.arg("--root").arg(state).args(["--rootless", "true", "run", "--bundle"]).arg(&bundle).arg("box");
    test.run(&mut command).success()
}

/// The benchmark's bundle: it asks for what chapter 1 does by default. This runc knows no time namespaces.
fn config(rootfs: &Path) -> Value {
    let mut config: Value =
        serde_json::from_str(include_str!("../../../benches/spine/config.json")).expect("the file is JSON");
    config["root"]["path"] = json!(rootfs);
    config["hostname"] = json!("box");
    // Docker and containerd put the primary group here; so does our spine.
    config["process"]["user"]["additionalGids"] = json!([0]);
    config["process"]["args"] = json!(["sh", "-c", DESCRIBE]);
    let namespaces = config["linux"]["namespaces"].as_array_mut().expect("a list");
    namespaces.retain(|namespace| namespace["type"] != "time");
    config
}
