//! A cgroup of the test host's to try things in, and processes in it; and what a function asks of the kernel.

use std::{
    cell::RefCell,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use conex_cgroups::{Tree, Version, World};
use conex_kernel::{Observer, Record};
use testkit::wait_until;

/// The operations that a function asked for, in words.
#[derive(Default)]
pub(crate) struct Asked(pub(crate) RefCell<Vec<String>>);

impl Observer for Asked {
    fn after(&self, record: Record) {
        self.0.borrow_mut().push(record.operation);
    }
}

/// One cgroup; gone when dropped, with all its processes.
pub(crate) struct Place {
    pub(crate) directory: PathBuf,
    pub(crate) version: Version,
}

/// The tree that has a controller, v1's or v2's.
pub(crate) fn with(controller: &str) -> Place {
    let world = World::probe().expect("a world");
    Place::in_tree(world.with(controller).unwrap_or_else(|| panic!("this host has no {controller} controller")))
}

/// The v2 tree.
pub(crate) fn unified() -> Place {
    Place::in_tree(World::probe().expect("a world").unified().expect("this host has no v2 tree"))
}

/// A process in a cgroup; whoever does not wait for it leaves it to the cgroup's end.
pub(crate) struct Started(Child);

impl Started {
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.0.wait().expect("it ends")
    }
}

impl Place {
    fn in_tree(tree: &Tree) -> Self {
        let directory = tree.base.join("place");
        fs::create_dir(&directory).expect("a cgroup can be made");
        Self { directory, version: tree.version }
    }

    /// Writes lines as they are; what the kernel refuses is told.
    pub(crate) fn set(&self, lines: &[(String, String)]) {
        for (file, value) in lines {
            let path = self.directory.join(file);
            // Swap is not counted everywhere.
            if path.exists() {
                fs::write(&path, value)
                    .unwrap_or_else(|error| panic!("the kernel refuses {value:?} for {file}: {error}"));
            }
        }
    }

    /// A process in it that runs a script of the shell's.
    pub(crate) fn start(&self, script: &str) -> Started {
        let join = format!("echo 0 > {}/cgroup.procs; {script}", self.directory.display());
        let mut shell = Command::new("busybox");
        shell.args(["sh", "-c", &join]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Started(shell.spawn().expect("a shell"))
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.directory.join(file)).unwrap_or_default()
    }

    /// The processes in it and below it.
    pub(crate) fn processes(&self) -> Vec<String> {
        processes(&self.directory)
    }

    /// Kills what is in it without the function that is tried.
    fn empty(&self) {
        if self.directory.join("freezer.state").exists() {
            let _ = fs::write(self.directory.join("freezer.state"), "THAWED");
        }
        wait_until("the cgroup is empty", || {
            for pid in self.processes().iter().filter_map(|pid| pid.parse().ok()) {
                let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
            }
            // Children of ours are in there until they are waited for.
            while nix::sys::wait::waitpid(None, Some(nix::sys::wait::WaitPidFlag::WNOHANG))
                .is_ok_and(|status| status != nix::sys::wait::WaitStatus::StillAlive)
            {}
            self.processes().is_empty()
        });
    }
}

fn processes(directory: &Path) -> Vec<String> {
    let own = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    let mut all: Vec<String> = own.lines().map(str::to_owned).collect();
    all.extend(below(directory).iter().flat_map(|inner| processes(inner)));
    all
}

fn below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.directory.join("cgroup.kill").exists() {
            let _ = fs::write(self.directory.join("cgroup.kill"), "1");
        }
        self.empty();
        let remove = |directory: &PathBuf| _ = fs::remove_dir(directory);
        below(&self.directory).iter().for_each(remove);
        wait_until("the cgroup is removed", || {
            remove(&self.directory);
            !self.directory.exists()
        });
    }
}
