//! Whoever is killed whenever, and several at once: nothing half is ever used, and nothing is lost.

use std::{
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal};
use testkit::{TestHost, wait_until};

use super::{at, blobs, forget, layers, online, run};
use crate::rig::{command, conex, image, is_clean, roots};

/// Method: each verb is killed at many moments; then the same verb to its end, and everything works and nothing is left.
pub(crate) fn killed(test: &TestHost) {
    let _server = online(test);
    image(test);
    let name = at("box");
    conex(test, &["tag", "box", &name]).success();
    conex(test, &["push", "-q", &name]).success();
    let file = test.directory("files").join("saved.tar");
    let path = file.to_str().expect("text");
    conex(test, &["save", "-o", path, &name]).success();
    let verbs: [&[&str]; 5] = [
        &["pull", "-q", &name],
        &["load", "-q", "-i", path],
        &["rmi", &name],
        &["image", "prune", "-a"],
        &["save", "-o", path, &name],
    ];
    for verb in verbs {
        let removes = verb[0] == "rmi" || verb[0] == "image";
        for moment in 0..12 {
            match removes || verb[0] == "save" {
                true => drop(conex(test, &["pull", "-q", &name]).success()),
                false => forget(test),
            }
            strike(test, verb, Duration::from_millis(moment * 9));
            // Whole, or not there at all.
            let listed = conex(test, &["images", "-q", &name]).success();
            if !listed.is_empty() {
                let output = run(test, &name, &["busybox", "echo", "here"]);
                assert_eq!(output.out, "here\n", "{verb:?}, {moment}: {output:?}");
            }
            assert!(
                file.metadata().is_ok_and(|file| file.len() > 100_000),
                "{verb:?}, {moment}: what was saved is lost"
            );
        }
        conex(test, &["pull", "-q", &name]).success();
        assert_eq!(run(test, &name, &["busybox", "echo", "here"]).success(), "here\n", "{verb:?}");
        forget(test);
    }
    assert!(is_clean(test));
}

/// What it had said by then.
fn strike(test: &TestHost, verb: &[&str], after: Duration) -> String {
    let started = Instant::now();
    let mut child = command(test, verb).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("started");
    std::thread::sleep(after.saturating_sub(started.elapsed()));
    let _ = child.kill();
    String::from_utf8_lossy(&child.wait_with_output().expect("ended").stdout).into_owned()
}

/// A container called `cc` that has written so many MiB, and goes on writing.
struct Busy<'a> {
    test: &'a TestHost,
    running: Child,
    id: String,
}

impl<'a> Busy<'a> {
    fn start(test: &'a TestHost, mib: u32) -> Self {
        image(test);
        let big = format!("busybox dd if=/dev/urandom of=/big bs=1M count={mib}");
        let script = format!("{big}; while echo x >>/count; do busybox usleep 500; done");
        let words = ["run", "--name", "cc", "--network", "none", "box", "busybox", "sh", "-c", &script];
        let running = command(test, &words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
        let mut busy = Self { test, running, id: String::new() };
        wait_until("the container counts", || {
            busy.id = conex(test, &["ps", "-q", "--no-trunc"]).out.trim().to_owned();
            !busy.id.is_empty() && busy.count() > 0
        });
        busy
    }

    /// How far it has counted.
    fn count(&self) -> u64 {
        let file = roots(self.test).0.join("containers").join(&self.id).join("upper/count");
        file.metadata().map_or(0, |file| file.len())
    }

    fn goes_on(&self) {
        let before = self.count();
        wait_until("the container goes on", || self.count() > before);
    }

    fn is_still(&self) -> bool {
        let before = self.count();
        std::thread::sleep(Duration::from_millis(50));
        self.count() == before
    }

    fn end(mut self) {
        conex(self.test, &["rm", "-f", "cc"]).success();
        self.running.wait().expect("ended");
    }
}

const COMMITS: u32 = 16;

/// Method: commits are killed, at moments that cover a whole one. The container goes on at once.
pub(crate) fn killed_commit(test: &TestHost) {
    let busy = Busy::start(test, 8);
    let started = Instant::now();
    let first = conex(test, &["commit", "cc", "first"]).success();
    let whole = started.elapsed();
    // How fast it counts if it may.
    let (before, since) = (busy.count(), Instant::now());
    std::thread::sleep(Duration::from_millis(300));
    let free = (busy.count() - before) as f64 / since.elapsed().as_secs_f64();
    let mut stood = 0;
    for moment in 0..COMMITS {
        let name = format!("kept:{moment}");
        let before = busy.count();
        let struck = Instant::now();
        let said = strike(test, &["commit", "cc", &name], whole * moment / (COMMITS - 2));
        let counted = (busy.count() - before) as f64 / struck.elapsed().as_secs_f64();
        stood += u32::from(counted < free * 0.7);
        let listed = conex(test, &["images", "-q", "--no-trunc", &name]).success();
        assert!(said.is_empty() || said == listed, "{moment}: {said} was acknowledged, and {listed} is there");
        busy.goes_on();
        if !listed.is_empty() {
            let told = run(test, &name, &["busybox", "sh", "-c", "busybox wc -c </big"]);
            assert_eq!(told.out, format!("{}\n", 8 << 20), "{moment}: {told:?}");
        }
    }
    testkit::say(&format!("  {stood} of {COMMITS} were killed while the container stood still"));
    assert!(stood > 0);
    assert_eq!(conex(test, &["images", "-q", "--no-trunc", "first"]).success(), first);
    busy.end();
    forget(test);
    assert!(is_clean(test));
}

pub(crate) fn interrupted_commit(test: &TestHost) {
    let busy = Busy::start(test, 32);
    let mut commit = command(test, &["commit", "cc"]).stdout(Stdio::null()).spawn().expect("started");
    wait_until("the container stands still", || busy.is_still());
    rustix::process::kill_process(Pid::from_child(&commit), Signal::INT).expect("it is ours");
    assert_eq!(commit.wait().expect("ended").signal(), Some(Signal::INT.as_raw()));
    busy.goes_on();
    busy.end();
    assert!(is_clean(test));
}

pub(crate) fn at_once(test: &TestHost) {
    let _server = online(test);
    image(test);
    let name = at("box");
    conex(test, &["tag", "box", &name]).success();
    conex(test, &["push", "-q", &name]).success();
    for _ in 0..10 {
        forget(test);
        let start = |words: &[&str]| {
            command(test, words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("started")
        };
        let pulls = [start(&["pull", "-q", &name]), start(&["pull", "-q", &name])];
        let prune = start(&["image", "prune"]);
        for child in pulls {
            let output = child.wait_with_output().expect("ended");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let pruned = prune.wait_with_output().expect("ended");
        let told = String::from_utf8_lossy(&pruned.stderr);
        assert!(pruned.status.success() || told.contains("somebody adds an image"), "{told}");
        assert_eq!(run(test, &name, &["busybox", "echo", "here"]).success(), "here\n");
    }
    wait_until("nothing is left of the making", || {
        layers(test).iter().all(|path| !is_hidden(path)) && blobs(test).iter().all(|path| !is_hidden(path))
    });
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}
