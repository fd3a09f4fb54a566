//! Names of what is being made: each tells who makes it, so that what the dead left behind can be told from what is
//! still growing. See proc_pid_stat(5).

use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering},
};

const PREFIX: &str = ".making-";

/// How many this process has begun.
static BEGUN: AtomicU64 = AtomicU64::new(0);

/// A name that nobody else takes: `.making-PID-START-COUNT`.
pub(crate) fn new_name() -> String {
    let pid = std::process::id();
    let start = start_of(pid).unwrap_or_default();
    format!("{PREFIX}{pid}-{start}-{}", BEGUN.fetch_add(1, Ordering::Relaxed))
}

/// Whether a name is of something whose maker is gone.
pub(crate) fn is_abandoned(name: &str) -> bool {
    let mut numbers = name.strip_prefix(PREFIX).into_iter().flat_map(|rest| rest.split('-')).map(str::parse::<u64>);
    let (Some(Ok(pid)), Some(Ok(start))) = (numbers.next(), numbers.next()) else { return false };
    u32::try_from(pid).ok().and_then(start_of) != Some(start)
}

/// When a process started, in ticks since the boot; `None` if there is no such process.
fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name, in parentheses, may hold anything. Field 22 is the twentieth after it.
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_dead_made_is_abandoned() {
        assert!(!is_abandoned(&new_name()));
        assert_ne!(new_name(), new_name());
        let (pid, start) = (std::process::id(), start_of(std::process::id()).expect("we live"));
        assert!(is_abandoned(&format!(".making-{pid}-{}-0", start + 1)));
        assert!(is_abandoned(".making-4194305-1-0"));
        assert!(!is_abandoned("something"));
        assert!(!is_abandoned(".making-x"));
    }
}
