//! What the processes of a container have used, read from the kernel's files. See the kernel's admin-guide/cgroup-v2.rst.

use std::{fs, path::Path};

use crate::Version;

/// All that is counted; 0 or `None` where the host does not count it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// Memory as docker counts it: without pages of files that the kernel can drop at once.
    pub memory_bytes: u64,
    /// The limit on memory.
    pub memory_limit_bytes: Option<u64>,
    /// Processes that were killed because memory was short.
    pub oom_kills: u64,
    /// Processor time, in nanoseconds.
    pub cpu_ns: u64,
    /// Periods of the quota in which something ran.
    pub cpu_periods: u64,
    /// Those in which the quota was used up.
    pub cpu_throttled: u64,
    /// Processes and threads.
    pub pids: u64,
    /// The limit on them.
    pub pids_limit: Option<u64>,
    /// Bytes read from block devices.
    pub read_bytes: u64,
    /// Bytes written to block devices.
    pub written_bytes: u64,
    /// How long somebody had to wait, where the kernel measures it.
    pub pressure: Option<Pressure>,
}

/// Part of the last ten seconds in which some process waited, in percent. See the kernel's accounting/psi.rst.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pressure {
    /// For a processor.
    pub cpu: f64,
    /// For memory.
    pub memory: f64,
    /// For a device.
    pub io: f64,
}

// ANCHOR: used
/// Memory in use without what the kernel would give back at once: pages of files that nobody looked at lately. `stat`
/// is the text of memory.stat, which counts a v1 cgroup's descendants under names of their own.
#[doc(alias = "exercise:cgroups.used")]
pub(crate) fn used(current: u64, stat: &str, version: Version) -> u64 {
    let name = match version {
        Version::V1 => "total_inactive_file",
        Version::V2 => "inactive_file",
    };
    let inactive = stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    current.saturating_sub(inactive.unwrap_or(0))
}
// ANCHOR_END: used

/// Adds what one directory tells: a v1 container has several.
pub(crate) fn add(usage: &mut Usage, directory: &Path, version: Version) {
    let text = |file: &str| fs::read_to_string(directory.join(file)).unwrap_or_default();
    let number = |file: &str| text(file).trim().parse::<u64>().ok();
    match version {
        Version::V1 => add_v1(usage, &text, &number),
        Version::V2 => add_v2(usage, &text, &number),
    }
    usage.oom_kills += oom_kills(directory, version).unwrap_or(0);
    if let Some(pids) = number("pids.current") {
        (usage.pids, usage.pids_limit) = (pids, number("pids.max"));
    }
    if let Some(line) = text("cpu.stat").lines().find_map(|line| line.strip_prefix("nr_periods ")) {
        usage.cpu_periods = line.parse().unwrap_or(0);
        usage.cpu_throttled = value(&text("cpu.stat"), "nr_throttled");
    }
}

/// How many processes of a cgroup were killed because memory was short; `None` if this directory does not count them.
pub(crate) fn oom_kills(directory: &Path, version: Version) -> Option<u64> {
    let file = match version {
        Version::V1 => "memory.oom_control",
        Version::V2 => "memory.events",
    };
    Some(value(&fs::read_to_string(directory.join(file)).ok()?, "oom_kill"))
}

type Text<'a> = &'a dyn Fn(&str) -> String;
type Number<'a> = &'a dyn Fn(&str) -> Option<u64>;

/// What v1 writes where there is no limit: the largest number of pages.
const UNLIMITED: u64 = 1 << 62;

fn add_v1(usage: &mut Usage, text: Text<'_>, number: Number<'_>) {
    if let Some(current) = number("memory.usage_in_bytes") {
        usage.memory_bytes = used(current, &text("memory.stat"), Version::V1);
        usage.memory_limit_bytes = number("memory.limit_in_bytes").filter(|limit| *limit < UNLIMITED);
    }
    // v2's tree counts processor time even where v1 has the controller: once is enough.
    usage.cpu_ns = number("cpuacct.usage").unwrap_or(usage.cpu_ns);
    // Lines MAJOR:MINOR Read BYTES.
    for line in text("blkio.throttle.io_service_bytes").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            [_, "Read", bytes] => usage.read_bytes += bytes.parse().unwrap_or(0),
            [_, "Write", bytes] => usage.written_bytes += bytes.parse().unwrap_or(0),
            _ => {}
        }
    }
}

fn add_v2(usage: &mut Usage, text: Text<'_>, number: Number<'_>) {
    if let Some(current) = number("memory.current") {
        usage.memory_bytes = used(current, &text("memory.stat"), Version::V2);
        usage.memory_limit_bytes = number("memory.max");
    }
    if usage.cpu_ns == 0 {
        usage.cpu_ns = value(&text("cpu.stat"), "usage_usec") * 1_000;
    }
    // Lines MAJOR:MINOR rbytes=… wbytes=… and so on.
    for (key, bytes) in text("io.stat").split_whitespace().filter_map(|word| word.split_once('=')) {
        match key {
            "rbytes" => usage.read_bytes += bytes.parse().unwrap_or(0),
            "wbytes" => usage.written_bytes += bytes.parse().unwrap_or(0),
            _ => {}
        }
    }
    let waited = |file: &str| pressure(&text(file));
    if let (Some(cpu), Some(memory), Some(io)) =
        (waited("cpu.pressure"), waited("memory.pressure"), waited("io.pressure"))
    {
        usage.pressure = Some(Pressure { cpu, memory, io });
    }
}

/// The number behind a name at the beginning of a line; 0 if there is none.
fn value(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

/// From `some avg10=0.00 avg60=…`.
fn pressure(text: &str) -> Option<f64> {
    text.lines().next()?.strip_prefix("some avg10=")?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_is_the_first_figure() {
        assert_eq!(pressure("some avg10=1.50 avg60=0.10 avg300=0.00 total=9\nfull avg10=0.00"), Some(1.5));
        assert_eq!(pressure(""), None);
    }

    #[test]
    fn a_name_is_not_taken_for_a_longer_one() {
        assert_eq!(value("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "oom_kill"), 3);
    }
}
