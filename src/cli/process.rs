//! A process as ps(1) shows it, read from the host's /proc: nothing in a container is asked, and none of its files is
//! opened. See proc_pid_stat(5).

use jiff::{Timestamp, tz::TimeZone};
use nix::unistd::{Gid, Group, Uid, User};
use procfs::{
    Current, CurrentSI, KernelStats, Meminfo, Uptime,
    process::{Stat, Status},
};

use crate::{Failure, Result};

/// What is the same for all processes.
pub(super) struct Machine {
    boot_unix_secs: u64,
    uptime_secs: f64,
    memory_bytes: u64,
    ticks: u64,
    page_bytes: u64,
    zone: TimeZone,
}

/// One process.
pub(super) struct Process<'a> {
    machine: &'a Machine,
    pub(super) stat: Stat,
    status: Status,
    words: Vec<String>,
}

impl Machine {
    /// This one, now.
    pub(super) fn read() -> Result<Self> {
        let failed = |error| Failure::new(format!("read /proc: {error}"));
        Ok(Self {
            boot_unix_secs: KernelStats::current().map_err(failed)?.btime,
            uptime_secs: Uptime::current().map_err(failed)?.uptime,
            memory_bytes: Meminfo::current().map_err(failed)?.mem_total,
            ticks: procfs::ticks_per_second(),
            page_bytes: procfs::page_size(),
            zone: TimeZone::system(),
        })
    }

    /// One process; `None` if it has ended.
    pub(super) fn process(&self, pid: i32) -> Option<Process<'_>> {
        let process = procfs::process::Process::new(pid).ok()?;
        let (stat, status) = (process.stat().ok()?, process.status().ok()?);
        Some(Process { machine: self, stat, status, words: process.cmdline().unwrap_or_default() })
    }
}

impl Process<'_> {
    /// The host's name of its user, who need not be the container's of that name.
    pub(super) fn user(&self) -> String {
        let uid = self.status.euid;
        User::from_uid(Uid::from_raw(uid)).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
    }

    pub(super) fn uid(&self) -> u32 {
        self.status.euid
    }

    pub(super) fn group(&self) -> String {
        let gid = self.status.egid;
        Group::from_gid(Gid::from_raw(gid)).ok().flatten().map_or_else(|| gid.to_string(), |group| group.name)
    }

    pub(super) fn gid(&self) -> u32 {
        self.status.egid
    }

    pub(super) fn name(&self) -> String {
        self.stat.comm.replace(char::is_control, " ")
    }

    /// Its words; a process without any, a zombie say, is told by its name.
    pub(super) fn command(&self) -> String {
        match self.words.join(" ").replace(char::is_control, " ").trim_end() {
            "" if self.stat.state == 'Z' => format!("[{}] <defunct>", self.name()),
            "" => format!("[{}]", self.name()),
            words => words.to_owned(),
        }
    }

    /// A letter for its state, and what ps says behind it.
    pub(super) fn state(&self) -> String {
        let marks = [
            (self.stat.nice < 0, '<'),
            (self.stat.nice > 0, 'N'),
            (self.status.vmlck.unwrap_or(0) > 0, 'L'),
            (self.stat.session == self.stat.pid, 's'),
            (self.stat.num_threads > 1, 'l'),
            (self.stat.tpgid == self.stat.pgrp, '+'),
        ];
        let marks = marks.iter().filter(|(has, _)| *has).map(|(_, mark)| *mark);
        std::iter::once(self.stat.state).chain(marks).collect()
    }

    /// By its device's number. See the kernel's admin-guide/devices.txt.
    pub(super) fn terminal(&self) -> String {
        let (major, minor) = self.stat.tty_nr();
        match (major, minor) {
            (0, _) => "?".to_owned(),
            (136..=143, _) => format!("pts/{}", (major - 136) * 256 + minor),
            (4, 0..64) => format!("tty{minor}"),
            (4, _) => format!("ttyS{}", minor - 64),
            (5, 1) => "console".to_owned(),
            _ => format!("{major}:{minor}"),
        }
    }

    pub(super) fn cpu_secs(&self) -> u64 {
        (self.stat.utime + self.stat.stime) / self.machine.ticks
    }

    pub(super) fn age_secs(&self) -> u64 {
        let age = self.machine.uptime_secs - self.stat.starttime as f64 / self.machine.ticks as f64;
        if age > 0.0 { age as u64 } else { 0 }
    }

    /// Of one processor, over its whole life.
    pub(super) fn cpu_percent(&self) -> f64 {
        let used = (self.stat.utime + self.stat.stime) as f64 / self.machine.ticks as f64;
        let age = self.machine.uptime_secs - self.stat.starttime as f64 / self.machine.ticks as f64;
        if age > 0.0 { 100.0 * used / age } else { 0.0 }
    }

    pub(super) fn resident_bytes(&self) -> u64 {
        self.stat.rss * self.machine.page_bytes
    }

    pub(super) fn memory_percent(&self) -> f64 {
        100.0 * self.resident_bytes() as f64 / self.machine.memory_bytes.max(1) as f64
    }

    /// The time of today, or the day.
    pub(super) fn started(&self) -> String {
        let then = self.machine.boot_unix_secs + self.stat.starttime / self.machine.ticks;
        let then =
            Timestamp::from_second(then.cast_signed()).unwrap_or_default().to_zoned_datetime(self.machine.zone.clone());
        let now = Timestamp::now().to_zoned_datetime(self.machine.zone.clone());
        let form = match (then.date() == now.date(), then.year() == now.year()) {
            (true, _) => "%H:%M",
            (false, true) => "%b%d",
            (false, false) => "%Y",
        };
        then.strftime(form).to_string()
    }
}
