//! `pivot::pivot`.

use std::{fs::File, io::Read, path::Path};

use conex_namespaces::exercises::pivot;
use testkit::{Case, TestHost, saw};

use crate::{
    look::look_at_root,
    process::{quiet, with_root},
};

pub(crate) const CASES: &[Case] = &[
    Case::exercise("namespaces.pivot: the new root is the root, and the old one is gone", new_root),
    Case::exercise("namespaces.pivot: nothing of the old root can be reached", escape),
];

fn new_root(test: &TestHost) {
    let told = with_root(&test.rootfs("rootfs"), |root| {
        let _look = look_at_root();
        pivot(&quiet(), root).expect("pivoted");
        let directory = std::env::current_dir().expect("a directory").display().to_string();
        let has = |path: &str| Path::new(path).exists();
        format!("{directory} {} {}", has("/bin/busybox"), has("/mnt/work"))
    });
    assert_eq!(told, "/ true false", "the working directory, our busybox, the old root's directories");
}

fn escape(test: &TestHost) {
    let told = with_root(&test.rootfs("rootfs"), |root| {
        let look = look_at_root();
        // The kernel lists the mounts that can be reached from what was the root when this file was opened.
        let mut mounts = File::open("/proc/self/mountinfo").expect("our mounts");
        pivot(&quiet(), root).expect("pivoted");
        let mut table = String::new();
        mounts.read_to_string(&mut table).expect("a table");
        // Now, since what comes next would change it.
        drop(look);
        // The old root, if it is still mounted, lies on top of the new one.
        let up = "../".repeat(20);
        let again = rustix::mount::unmount(".", rustix::mount::UnmountFlags::DETACH);
        let reached = Path::new(&format!("{up}mnt/work")).exists();
        saw(&format!("20 steps up, the old root's /mnt/work {}", if reached { "is there" } else { "is not there" }));
        format!("{} {reached} {}", table.lines().count(), again.is_ok())
    });
    let what = "mounts of the old root, whether it is reached, and whether something still lay on top";
    assert_eq!(told, "0 false false", "{what}");
}
