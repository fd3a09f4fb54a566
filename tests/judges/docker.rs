//! A docker daemon of the case's own. It makes no bridge and no rules.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use testkit::{Output, TestHost, wait_until};

use crate::{
    aside::aside,
    peer::{FORMAT, Peer, directories},
};

/// Runs until it is dropped.
pub(crate) struct Docker<'a> {
    test: &'a TestHost,
    place: PathBuf,
    daemon: Child,
}

impl<'a> Docker<'a> {
    #[track_caller]
    pub(crate) fn start(test: &'a TestHost) -> Self {
        let place = test.directory("docker");
        let path = |name: &str| place.join(name).display().to_string();
        let flags = [
            format!("--host=unix://{}", path("socket")),
            format!("--data-root={}", path("data")),
            format!("--exec-root={}", path("exec")),
            format!("--pidfile={}", path("pid")),
        ];
        let usual = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--oom-score-adjust=0"];
        let more = ["--storage-driver=overlay2", "--exec-opt=native.cgroupdriver=cgroupfs"];
        let log = File::create(place.join("log")).expect("the test host's tmpfs is writable");
        let mut command = aside(test, &["dockerd"]);
        command.args(flags).args(usual).args(more).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a descriptor")).stderr(log);
        let docker = Self { test, daemon: command.spawn().expect("unshare starts"), place };
        let log = || fs::read_to_string(docker.place.join("log")).unwrap_or_default();
        wait_until("the docker daemon answers", || {
            let up = docker.ask(&["version"]).status == 0;
            assert!(up || !log().contains("failed to start daemon"), "{}", log());
            up
        });
        docker
    }

    /// `docker WORDS…`, to its end.
    pub(crate) fn ask(&self, words: &[&str]) -> Output {
        let mut command = Command::new("docker");
        command.arg("--host").arg(format!("unix://{}", self.place.join("socket").display())).args(words);
        self.test.run(command.env("HOME", &self.place).env_remove("DOCKER_CONFIG"))
    }
}

impl Peer for Docker<'_> {
    fn pull(&self, image: &str) {
        self.ask(&["pull", "--quiet", image]).success();
    }

    fn run(&self, image: &str, words: &[&str]) -> String {
        self.ask(&[&["run", "--rm", "--network=none", image], words].concat()).success()
    }

    fn commit(&self, image: &str, script: &str, name: &str) {
        self.ask(&["run", "--name=cc", "--network=none", image, "sh", "-ec", script]).success();
        self.ask(&["commit", "cc", name]).success();
        self.ask(&["rm", "cc"]).success();
    }

    fn push(&self, image: &str) {
        self.ask(&["push", "--quiet", image]).success();
    }

    fn layers(&self, image: &str) -> Vec<PathBuf> {
        directories(&self.ask(&["image", "inspect", "--format", FORMAT, image]).success())
    }
}

impl Drop for Docker<'_> {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        self.daemon.wait().expect("it was killed");
    }
}
