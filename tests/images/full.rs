//! A full disk, at every moment: it is said once, with what to do, and nothing half is left.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use testkit::{Output, TestHost};

use super::{at, online};
use crate::rig::{command, entries, image};

/// A small disk for all of conex's state, while it is held.
struct Disk(PathBuf);

impl Disk {
    fn new(test: &TestHost, kib: u64) -> Self {
        let place = test.directory("disk");
        let mount = ["-t", "tmpfs", "-o", &format!("mode=700,size={kib}k"), "tmpfs"];
        test.run(Command::new("mount").args(mount).arg(&place)).success();
        Self(place)
    }

    fn grow(&self, test: &TestHost) {
        test.run(Command::new("mount").args(["-o", "remount,size=64m"]).arg(&self.0)).success();
    }

    #[track_caller]
    fn conex(&self, test: &TestHost, words: &[&str]) -> Output {
        test.run(command(test, words).env("CONEX_ROOT", &self.0))
    }

    /// Blobs and layers, half or whole.
    fn left(&self) -> Vec<PathBuf> {
        ["images/blobs/sha256", "layers"].iter().flat_map(|place| entries(&self.0.join(place))).collect()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        assert!(Command::new("umount").arg(&self.0).status().is_ok_and(|status| status.success()));
    }
}

const HINT: &str = "hint: make room where conex keeps its state, or choose another place: --root DIR --run-root DIR";

/// Method: each verb on disks that get larger, until it has room enough; and then on each that was too small.
pub(crate) fn all(test: &TestHost) {
    let _server = online(test);
    image(test);
    let name = at("box");
    let files = test.directory("files");
    crate::rig::conex(test, &["tag", "box", &name]).success();
    crate::rig::conex(test, &["push", "-q", &name]).success();
    let (saved, root) = (files.join("saved.tar"), files.join("root.tar"));
    crate::rig::conex(test, &["save", "-o", text(&saved), &name]).success();
    test.run(Command::new("tar").arg("-cf").arg(&root).arg("-C").arg(test.rootfs("rootfs")).arg(".")).success();
    let verbs: [&[&str]; 3] =
        [&["pull", "-q", &name], &["load", "-q", "-i", text(&saved)], &["import", text(&root), &name]];
    for verb in verbs {
        let full = (0..).map(|step| 64 + 700 * step).take_while(|kib| is_full(test, verb, *kib, &name)).count();
        testkit::say(&format!("  {}: {full} disks are too small", verb[0]));
        assert!(full > 3, "{verb:?}");
    }
}

/// Whether the verb needs more room than there is.
#[track_caller]
fn is_full(test: &TestHost, verb: &[&str], kib: u64, name: &str) -> bool {
    let disk = Disk::new(test, kib);
    let output = disk.conex(test, verb);
    if output.status == 0 {
        return false;
    }
    let lines: Vec<&str> = output.err.lines().collect();
    let is_said = |line: &str| line.starts_with("error: ") && line.ends_with("ENOSPC (No space left on device)");
    assert!(lines.len() == 2 && is_said(lines[0]) && lines[1] == HINT, "{verb:?}, {kib}: {}", output.err);
    let hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    assert_eq!(disk.left().into_iter().filter(hidden).collect::<Vec<_>>(), Vec::<PathBuf>::new(), "{verb:?}, {kib}");
    disk.grow(test);
    assert_eq!(disk.conex(test, &["images", "-aq"]).success(), "", "{verb:?}, {kib}");
    disk.conex(test, &["image", "prune"]).success();
    assert_eq!(disk.left(), Vec::<PathBuf>::new(), "{verb:?}, {kib}");
    disk.conex(test, verb).success();
    let run = ["run", "--rm", "--network", "none", name, "busybox", "echo", "here"];
    assert_eq!(disk.conex(test, &run).success(), "here\n", "{verb:?}, {kib}");
    true
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}
