//! Podman, which has no daemon: each command is whole.

use std::path::PathBuf;

use testkit::{Output, TestHost};

use crate::{
    aside::aside,
    peer::{FORMAT, Peer, directories},
};

pub(crate) struct Podman<'a> {
    test: &'a TestHost,
    place: PathBuf,
}

impl<'a> Podman<'a> {
    pub(crate) fn new(test: &'a TestHost) -> Self {
        Self { test, place: test.directory("podman") }
    }

    fn ask(&self, words: &[&str]) -> Output {
        let path = |name: &str| self.place.join(name).display().to_string();
        let (root, run_root) = (path("root"), path("run"));
        let flags = ["--root", &root, "--runroot", &run_root, "--storage-driver=overlay", "--runtime=runc"];
        self.test.run(&mut aside(
            self.test,
            &[&["podman"], &flags[..], &["--cgroup-manager=cgroupfs", "--events-backend=none"], words].concat(),
        ))
    }
}

impl Peer for Podman<'_> {
    fn pull(&self, image: &str) {
        self.ask(&["pull", "--quiet", "--tls-verify=false", image]).success();
    }

    fn run(&self, image: &str, words: &[&str]) -> String {
        self.ask(&[&["run", "--rm", "--network=none", image], words].concat()).success()
    }

    fn commit(&self, image: &str, script: &str, name: &str) {
        self.ask(&["run", "--name=cc", "--network=none", image, "sh", "-ec", script]).success();
        self.ask(&["commit", "--quiet", "cc", name]).success();
        self.ask(&["rm", "cc"]).success();
    }

    fn push(&self, image: &str) {
        self.ask(&["push", "--quiet", "--tls-verify=false", image]).success();
    }

    fn layers(&self, image: &str) -> Vec<PathBuf> {
        directories(&self.ask(&["image", "inspect", "--format", FORMAT, image]).success())
    }
}
