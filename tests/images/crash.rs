//! Whoever is killed whenever, and several at once: nothing half is ever used, and nothing is lost.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use testkit::{TestHost, wait_until};

use super::{at, blobs, forget, layers, online, run};
use crate::rig::{command, conex, image, is_clean};

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

fn strike(test: &TestHost, verb: &[&str], after: Duration) {
    let started = Instant::now();
    let mut child = command(test, verb).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
    std::thread::sleep(after.saturating_sub(started.elapsed()));
    let _ = child.kill();
    child.wait().expect("ended");
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
