//! What the end-to-end tests share: the built `conex`, on roots of the test host's.

#![allow(dead_code, reason = "each target uses what it needs")]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use testkit::{Output, TestHost};

/// The program under test, for `testkit::run`.
pub(crate) const PROGRAMS: &[&str] = &[env!("CARGO_BIN_EXE_conex")];

pub(crate) fn roots(test: &TestHost) -> (PathBuf, PathBuf) {
    (test.root.join("conex"), test.run_root.join("conex"))
}

/// `conex ARGUMENTS…`, not started yet.
pub(crate) fn command(test: &TestHost, arguments: &[&str]) -> Command {
    let (root, run_root) = roots(test);
    let mut command = Command::new(test.program("conex"));
    command.env("CONEX_ROOT", root).env("CONEX_RUN_ROOT", run_root).args(arguments);
    command
}

/// `conex ARGUMENTS…`, without standard input, to its end.
#[track_caller]
pub(crate) fn conex(test: &TestHost, arguments: &[&str]) -> Output {
    test.run(&mut command(test, arguments))
}

/// `conex run --rm --network none FLAGS… --rootfs ROOTFS sh -c SCRIPT`.
#[track_caller]
pub(crate) fn run(test: &TestHost, rootfs: &Path, flags: &[&str], script: &str) -> Output {
    let mut command = command(test, &["run", "--rm", "--network", "none"]);
    command.args(flags).arg("--rootfs").arg(rootfs).args(["sh", "-c", script]);
    test.run(&mut command)
}

/// An image made of busybox, named `box`.
#[track_caller]
pub(crate) fn image(test: &TestHost) {
    conex(test, &["image", "from-host", "box", "busybox"]).success();
}

/// The files below a directory that are not there any more once all is well.
pub(crate) fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// Whether nothing of any container is left.
pub(crate) fn is_clean(test: &TestHost) -> bool {
    let (root, run_root) = roots(test);
    let places = [root.join("containers"), root.join("names"), run_root];
    places.iter().all(|place| entries(place).is_empty()) && cgroups(Path::new("/sys/fs/cgroup")).is_empty()
}

/// The cgroups of containers: those that bear an id.
pub(crate) fn cgroups(directory: &Path) -> Vec<PathBuf> {
    let is_id = |path: &Path| path.file_name().is_some_and(|name| name.len() == 64);
    let below = entries(directory).into_iter().filter(|path| path.is_dir());
    below.flat_map(|path| if is_id(&path) { vec![path] } else { cgroups(&path) }).collect()
}

/// `conex run -d --network none FLAGS… box busybox sh -c SCRIPT`.
#[track_caller]
pub(crate) fn begin(test: &TestHost, flags: &[&str], script: &str) -> String {
    let words = ["box", "busybox", "sh", "-c", script];
    let out = conex(test, &[&["run", "-d", "--network", "none"], flags, &words[..]].concat()).success();
    out.trim().to_owned()
}

/// `conex logs WORDS…`.
pub(crate) fn logs(test: &TestHost, words: &[&str]) -> Output {
    conex(test, &[&["logs"], words].concat())
}

/// The first process of the only container.
pub(crate) fn first_process(test: &TestHost) -> i32 {
    let (_, run_root) = roots(test);
    let run = entries(&run_root).pop().expect("a container");
    let state: serde_json::Value =
        serde_json::from_slice(&std::fs::read(run.join("state.json")).expect("facts")).expect("JSON");
    i32::try_from(state["process"]["pid"].as_i64().expect("a pid")).expect("a pid")
}
