//! The throw-away host as a case sees it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{Fingerprint, rootfs};

/// Everything below this directory is the test host's own: a fresh tmpfs.
pub(crate) const PLACE: &str = "/mnt";

/// A host of its own for one case.
pub struct TestHost {
    /// For state that survives a reboot.
    pub root: PathBuf,
    /// For state that does not.
    pub run_root: PathBuf,
}

/// What a command said and how it ended.
#[derive(Debug)]
pub struct Output {
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// Exit status; 128 and the signal's number if one killed it.
    pub status: i32,
}

impl TestHost {
    pub(crate) fn new() -> Self {
        let place = Path::new(PLACE);
        Self { root: place.join("root"), run_root: place.join("run") }
    }

    /// A directory of this name that the case may fill.
    #[track_caller]
    pub fn directory(&self, name: &str) -> PathBuf {
        let path = Path::new(PLACE).join("work").join(name);
        fs::create_dir_all(&path).expect("the test host's tmpfs is writable");
        path
    }

    /// A small root file system of this name.
    #[track_caller]
    pub fn rootfs(&self, name: &str) -> PathBuf {
        rootfs::make(&Path::new(PLACE).join("work").join(name)).expect("a root file system can be made")
    }

    /// A program that [`crate::run`] was told to bring, where ordinary users reach it too.
    pub fn program(&self, name: &str) -> PathBuf {
        Path::new(PLACE).join("bin").join(name)
    }

    /// The fingerprint of everything that a container could leave behind here.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::take(&[&self.root, &self.run_root])
    }

    /// Runs a command to its end, without standard input.
    #[track_caller]
    pub fn run(&self, command: &mut Command) -> Output {
        let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let status = std::os::unix::process::ExitStatusExt::signal(&output.status)
            .map_or(output.status.code(), |n| Some(128 + n));
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Output { out: text(output.stdout), err: text(output.stderr), status: status.unwrap_or(-1) }
    }

    /// Runs `ch01 run OPTIONS… ROOTFS sh -c SCRIPT`.
    #[track_caller]
    pub fn ch01(&self, options: &[&str], rootfs: &Path, script: &str) -> Output {
        let mut command = Command::new(self.program("ch01"));
        self.run(command.arg("run").args(options).arg(rootfs).args(["sh", "-c", script]))
    }
}

impl Output {
    /// The standard output of a command that succeeded; panics with all that it said otherwise.
    #[track_caller]
    pub fn success(self) -> String {
        assert_eq!(self.status, 0, "{}{}", self.out, self.err);
        self.out
    }
}
