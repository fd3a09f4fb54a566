//! Limits of a process: rlimits, the umask, and its place when memory is short. See getrlimit(2), umask(2).

use std::{fmt, fs, io};

use rustix::process::{Resource, Rlimit, setrlimit, umask};

use crate::{Equivalent, Operation};

/// Sets one resource limit.
pub struct SetLimit {
    /// Which.
    pub resource: Resource,
    /// The limit that is enforced; `None` is unlimited.
    pub soft: Option<u64>,
    /// How far the process may raise the soft limit itself.
    pub hard: Option<u64>,
}

impl fmt::Display for SetLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |n| n.to_string());
        write!(f, "setrlimit {:?} {}:{}", self.resource, words(self.soft), words(self.hard))
    }
}

impl Operation for SetLimit {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        Ok(setrlimit(self.resource, Rlimit { current: self.soft, maximum: self.hard })?)
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        let name = format!("{:?}", self.resource).to_lowercase();
        let words = |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |n| n.to_string());
        Equivalent::approximate(format!("prlimit --pid $$ --{name}={}:{}", words(self.soft), words(self.hard)))
    }
}

/// Says how gladly the kernel kills this process, and its children, when memory is short. See proc_pid_oom_score_adj(5).
pub struct SetOomScoreAdj {
    /// From -1000, never, to 1000, first; less than it is takes CAP_SYS_RESOURCE.
    pub value: i32,
}

const OOM_SCORE_ADJ: &str = "/proc/self/oom_score_adj";

impl fmt::Display for SetOomScoreAdj {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "set oom_score_adj to {}", self.value)
    }
}

impl Operation for SetOomScoreAdj {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        fs::write(OOM_SCORE_ADJ, self.value.to_string())
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::exact(format!("echo {} > {OOM_SCORE_ADJ}", self.value))
    }
}

/// Sets the bits that new files lack.
pub struct SetUmask {
    /// Permission bits, such as 0o022.
    pub bits: u32,
}

impl fmt::Display for SetUmask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "umask {:04o}", self.bits)
    }
}

impl Operation for SetUmask {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        umask(rustix::fs::Mode::from_raw_mode(self.bits));
        Ok(())
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::exact(format!("umask {:04o}", self.bits))
    }
}
