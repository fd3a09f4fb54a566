//! What a shim costs while its container runs: its proportional set size, one of fifty. See proc_pid_smaps(5).

use std::{
    fs, io,
    process::{Child, Command, Stdio},
};

use crate::arena::place::say;

const CONTAINERS: usize = 50;

/// Starts the containers, measures their shims, and ends them by closing their standard input.
pub(crate) fn print(mut container: impl FnMut() -> Command) -> io::Result<()> {
    let mut start = || container().stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut children = (0..CONTAINERS).map(|_| start()).collect::<io::Result<Vec<Child>>>()?;
    let pids: Vec<u32> = children.iter().map(|child| running_shim(child.id())).collect::<io::Result<_>>()?;
    let median = |field: &str| -> io::Result<u64> {
        let mut all = pids.iter().map(|pid| kib(*pid, field)).collect::<io::Result<Vec<u64>>>()?;
        all.sort_unstable();
        Ok(all[all.len() / 2])
    };
    say(&format!(
        "a shim, one of {CONTAINERS}: {} KiB PSS, {} KiB private and dirty",
        median("Pss")?,
        median("Private_Dirty")?
    ));
    for child in &mut children {
        drop(child.stdin.take());
        child.wait()?;
    }
    Ok(())
}

/// The shim below a command line, once its container's program runs.
fn running_shim(cli: u32) -> io::Result<u32> {
    loop {
        let only = |pid: u32| -> Option<u32> {
            let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
            list.split_whitespace().next()?.parse().ok()
        };
        let program = |pid: u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if let Some(shim) = only(cli)
            && only(shim).is_some_and(|init| program(init) == "cat\n")
        {
            return Ok(shim);
        }
        if !std::path::Path::new(&format!("/proc/{cli}")).exists() {
            return Err(io::Error::other("a container ended before it was measured"));
        }
        std::thread::yield_now();
    }
}

fn kib(pid: u32, field: &str) -> io::Result<u64> {
    let table = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = table.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| io::Error::other(format!("smaps_rollup has no {field}")))
}
