//! The program under test on the test host's roots: one command, or many at once.

use std::{
    num::NonZero,
    path::Path,
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use testkit::{Output, TestHost};

pub(super) struct Conex<'a> {
    pub(super) host: &'a TestHost,
    program: &'a str,
}

/// What a command said, and how long it took.
pub(super) struct Done {
    pub(super) output: Output,
    pub(super) time: Duration,
}

impl<'a> Conex<'a> {
    /// The program of this name, which the host must have.
    pub(super) fn new(host: &'a TestHost, program: &'a str) -> Self {
        Self { host, program }
    }

    /// Its two state roots.
    pub(super) fn roots(&self) -> [std::path::PathBuf; 2] {
        [&self.host.root, &self.host.run_root].map(|root| root.join("conex"))
    }

    /// `conex WORDS…`, to its end.
    pub(super) fn run(&self, words: &[&str]) -> Done {
        let [root, run_root] = self.roots();
        let mut command = Command::new(self.host.program(self.program));
        command.env("CONEX_ROOT", root).env("CONEX_RUN_ROOT", run_root).args(words).current_dir(Path::new("/"));
        let started = Instant::now();
        let output = self.host.run(&mut command);
        Done { output, time: started.elapsed() }
    }

    /// All these commands, as many at a time as there are processors, in no order.
    pub(super) fn run_all(&self, commands: &[Vec<&str>]) -> Vec<Done> {
        let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let work = || {
            while let Some(words) = commands.get(next.fetch_add(1, Ordering::Relaxed)) {
                let one = self.run(words);
                done.lock().unwrap_or_else(PoisonError::into_inner).push(one);
            }
        };
        thread::scope(|scope| (0..workers()).for_each(|_| _ = scope.spawn(work)));
        done.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many commands run at a time.
pub(super) fn workers() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}
