//! What is true of a container: `state.json`, written by its shim alone. In the run root while it lives, beside its
//! choices once it has ended, so that a reboot does not take away how it ended.

use std::{
    fs,
    os::fd::OwnedFd,
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::{failure::Result, files, lock, namespaces::ContainerId, paths::Paths};

/// Where a container is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It has never run: nobody started it, or its program could not be started.
    Created,
    /// It is being born.
    Starting,
    /// Its program runs.
    Running,
    /// Its program has ended.
    Exited,
    /// It is being taken away.
    Removing,
}

/// The facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Where it is in its life.
    pub status: Status,
    /// Whether it stands still although it runs.
    #[serde(default)]
    pub paused: bool,
    /// Its first process.
    pub process: Option<Identity>,
    /// How it ended: its process's status, 128 and the signal's number, or 255 if nobody saw it.
    pub exit_code: Option<u8>,
    /// Whether the kernel killed a process of it because its memory was full.
    #[serde(default)]
    pub oom_killed: bool,
    /// Why it could not run.
    pub error: Option<String>,
    /// Milliseconds since 1970.
    pub started_unix_ms: Option<u64>,
    /// Milliseconds since 1970.
    pub finished_unix_ms: Option<u64>,
}

/// A process that can't be mistaken for a later one with the same number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// By the host's count.
    pub pid: i32,
    /// When it started, in the kernel's ticks since boot. See proc_pid_stat(5).
    pub start_ticks: u64,
    /// Which boot.
    pub boot_id: String,
}

/// The status that is given where nobody saw the end.
pub(crate) const UNSEEN: u8 = 255;

impl State {
    /// Where it is in its life, in docker's one word.
    pub fn word(&self) -> &'static str {
        match self.status {
            Status::Created | Status::Starting => "created",
            Status::Running if self.paused => "paused",
            Status::Running => "running",
            Status::Exited => "exited",
            Status::Removing => "removing",
        }
    }

    /// Of a container whose birth begins.
    pub(crate) fn starting() -> Self {
        let status = Status::Starting;
        Self {
            status,
            paused: false,
            process: None,
            exit_code: None,
            oom_killed: false,
            error: None,
            started_unix_ms: None,
            finished_unix_ms: None,
        }
    }

    /// Of a container that has ended.
    pub(crate) fn ended(self, exit_code: u8) -> Self {
        Self {
            status: Status::Exited,
            paused: false,
            process: None,
            exit_code: Some(exit_code),
            finished_unix_ms: Some(now_unix_ms()),
            ..self
        }
    }

    /// The facts of a container, wherever they are; one without any was running when the machine stopped.
    pub(crate) fn read(paths: &Paths, id: &ContainerId) -> Result<Self> {
        if let Some(state) = files::read_json(&paths.state(id))? {
            return Ok(state);
        }
        let ended = files::read_json(&paths.ended(id))?;
        Ok(ended.unwrap_or_else(|| Self { finished_unix_ms: None, ..Self::starting().ended(UNSEEN) }))
    }

    /// Writes the facts of a container that lives.
    pub(crate) fn write(&self, paths: &Paths, id: &ContainerId) -> Result<()> {
        files::write(&paths.state(id), &self.bytes(), 0o600)
    }

    /// Writes the facts of a container that has ended, and takes away what it had while it ran.
    pub(crate) fn write_ended(&self, paths: &Paths, id: &ContainerId) -> Result<()> {
        files::write(&paths.ended(id), &self.bytes(), 0o600)?;
        lock::remove_run(paths, id)
    }

    fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Identity {
    /// Of a process that lives.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned();
        Some(Self { pid, start_ticks: start_ticks(pid)?, boot_id })
    }

    /// It, if it still lives.
    pub(crate) fn hold(&self) -> Option<OwnedFd> {
        // Held by descriptor before it is looked at: from then on its number can't become another's.
        let pidfd = pidfd_open(Pid::from_raw(self.pid)?, PidfdFlags::empty()).ok()?;
        (Self::of(self.pid).as_ref() == Some(self)).then_some(pidfd)
    }

    /// Kills it if it still lives, and comes back when it is gone.
    pub(crate) fn kill(&self) {
        let Some(pidfd) = self.hold() else { return };
        let _ = pidfd_send_signal(&pidfd, Signal::KILL);
        let mut fds = [rustix::event::PollFd::new(&pidfd, rustix::event::PollFlags::IN)];
        let limit = rustix::event::Timespec { tv_sec: KILL_SECS, tv_nsec: 0 };
        let _ = rustix::io::retry_on_intr(|| rustix::event::poll(&mut fds, Some(&limit)));
    }
}

/// A process that does not die within this time hangs in the kernel.
const KILL_SECS: i64 = 10;

/// The 22nd word of stat; the second is a name in brackets that may hold anything.
fn start_ticks(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

pub(crate) fn now_unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
