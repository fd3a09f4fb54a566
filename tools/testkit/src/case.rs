//! One test: its name (a claim), what it needs, and what it does.

use std::time::Duration;

use crate::{Cgroups, TestHost};

/// Whose rights a case runs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Root of the machine.
    Root,
    /// An ordinary user without any capability; root becomes one for it.
    User,
}

/// What a case may use up before it is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// From its start to its end.
    pub time: Duration,
    /// Processes at once, those in namespaces of its own among them; the kernel holds only users to it.
    pub processes: Option<u64>,
    /// Memory of one process that is its own and writable, in bytes.
    pub memory_bytes: Option<u64>,
}

/// For our own tests; the slowest on two cores takes a tenth.
const TEST: Bounds = Bounds { time: Duration::from_secs(180), processes: None, memory_bytes: None };

/// For what a learner wrote, which may hang, or fork or fill memory without end: the slowest check takes a hundredth.
const EXERCISE: Bounds = Bounds { time: Duration::from_secs(5), processes: Some(256), memory_bytes: Some(512 << 20) };

/// Why a case can't run on this host; `None` if it can.
pub type Obstacle = fn() -> Option<String>;

/// One test.
#[derive(Clone)]
pub struct Case {
    /// A claim that is true if `run` returns.
    pub name: &'static str,
    /// Whose rights it runs with.
    pub needs: Needs,
    /// Programs that it starts beyond busybox.
    pub programs: &'static [&'static str],
    /// Why it can't run on this host, if it can't.
    pub obstacles: [Option<Obstacle>; 2],
    /// A variable of the environment that must be set, and the command that sets it.
    pub variable: Option<(&'static str, &'static str)>,
    /// What it may use up.
    pub bounds: Bounds,
    /// The test; a panic is a failure.
    pub run: fn(&TestHost),
}

impl Case {
    /// A case that runs as root.
    pub const fn root(name: &'static str, run: fn(&TestHost)) -> Self {
        Self { name, needs: Needs::Root, programs: &[], obstacles: [None; 2], variable: None, bounds: TEST, run }
    }

    /// A case that runs as an ordinary user.
    pub const fn user(name: &'static str, run: fn(&TestHost)) -> Self {
        Self { name, needs: Needs::User, programs: &[], obstacles: [None; 2], variable: None, bounds: TEST, run }
    }

    /// A check of what a learner wrote, as an ordinary user; it is ended if it hangs, and can't fork or fill
    /// memory without end.
    pub const fn exercise(name: &'static str, run: fn(&TestHost)) -> Self {
        Self { bounds: EXERCISE, ..Self::user(name, run) }
    }

    /// A check of what a learner wrote that needs root: cgroups hold it to the same bounds.
    pub const fn exercise_as_root(name: &'static str, run: fn(&TestHost)) -> Self {
        Self { bounds: EXERCISE, ..Self::root(name, run).with_cgroups() }
    }

    /// The same case, skipped where nobody may make cgroups.
    #[must_use]
    pub const fn with_cgroups(self) -> Self {
        Self { obstacles: [Some(no_cgroups), self.obstacles[1]], ..self }
    }

    /// The same case, skipped where this gives a reason.
    #[must_use]
    pub const fn unless(self, reason: Obstacle) -> Self {
        Self { obstacles: [self.obstacles[0], Some(reason)], ..self }
    }

    /// The same case, skipped where one of these programs is missing.
    #[must_use]
    pub const fn with(self, programs: &'static [&'static str]) -> Self {
        Self { programs, ..self }
    }

    /// The same case, skipped where a variable of the environment is not set, as `command` sets it.
    #[must_use]
    pub const fn within(self, variable: &'static str, command: &'static str) -> Self {
        Self { variable: Some((variable, command)), ..self }
    }

    /// Why the case can't run here.
    pub(crate) fn obstacle(&self) -> Option<String> {
        if self.needs == Needs::Root && !rustix::process::geteuid().is_root() {
            return Some("needs root".into());
        }
        if let Some(reason) = self.obstacles.iter().flatten().find_map(|obstacle| obstacle()) {
            return Some(reason);
        }
        if let Some((variable, command)) = self.variable
            && std::env::var_os(variable).is_none()
        {
            return Some(format!("runs within {command}"));
        }
        let missing = ["busybox"].iter().chain(self.programs).find(|program| find(program).is_none());
        missing.map(|program| format!("needs the program {program}"))
    }
}

fn no_cgroups() -> Option<String> {
    let reason = "needs cgroups that can be changed, as a container seldom has";
    (!Cgroups::may_be_made()).then(|| reason.to_owned())
}

/// Where a program lies along PATH and the system directories.
pub(crate) fn find(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let directories = path.split(':').chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"]);
    directories.map(|directory| std::path::Path::new(directory).join(program)).find(|path| path.is_file())
}
