//! `proc::mount_proc`.

use std::{fs, os::unix::fs::symlink};

use conex_namespaces::exercises::mount_proc;
use testkit::{Case, TestHost, saw};

use crate::{
    look::{Look, listed, names, processes},
    process::{quiet, with_root},
};

pub(crate) const CASES: &[Case] = &[
    Case::exercise("namespaces.proc: it shows the new pid namespace and nothing of ours", shows),
    Case::exercise("namespaces.proc: no program and no device in it can be used", attributes),
    Case::exercise("namespaces.proc: an image's link in its place is not followed", link),
];

fn shows(test: &TestHost) {
    let told = with_root(&test.rootfs("rootfs"), |root| {
        let _look = Look(|| {
            let state = if names(root, "proc").is_empty() { "is empty" } else { "is mounted" };
            saw(&format!("/proc of the new root {state}"));
            saw(&format!("processes that it lists: {}", listed(&processes(root))));
        });
        mount_proc(&quiet(), root).expect("mounted");
        processes(root).join(" ")
    });
    assert_eq!(told, "1", "the processes that the new /proc lists");
}

fn attributes(test: &TestHost) {
    let told = with_root(&test.rootfs("rootfs"), |root| {
        mount_proc(&quiet(), root).expect("mounted");
        let table = fs::read_to_string("/proc/self/mountinfo").expect("our mounts");
        let line = table.lines().rev().find(|line| line.contains(" - proc ")).expect("it is mounted");
        let options = line.split(' ').nth(5).unwrap_or_default().to_owned();
        saw(&format!("it is mounted with {options}"));
        options
    });
    for option in ["nosuid", "nodev", "noexec"] {
        assert!(told.split(',').any(|one| one == option), "{option} is missing in {told}");
    }
}

/// Whoever made the image chose where the link leads: we would write security settings into files of his (CVE-2019-19921).
fn link(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    fs::remove_dir(rootfs.join("proc")).and_then(|()| fs::create_dir(rootfs.join("elsewhere"))).expect("changed");
    symlink("elsewhere", rootfs.join("proc")).expect("a link");
    let told = with_root(&rootfs, |root| {
        let done = mount_proc(&quiet(), root);
        let followed = !names(root, "elsewhere").is_empty();
        saw(&format!("the directory that the link leads to is {}", if followed { "a proc now" } else { "as it was" }));
        format!("{} {followed}", done.is_ok())
    });
    assert_eq!(told, "false false", "whether it was called done, and whether the link was followed");
}
