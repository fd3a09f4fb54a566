//! On what was measured: without it no figure means anything. See proc_cpuinfo(5), proc_pid_mountinfo(5).

use std::{fs, io, os::unix::fs::MetadataExt, path::Path, process::Command, thread};

use rustix::{
    fs::{major, minor},
    system::{sysinfo, uname},
};
use serde_json::{Value, json};

use crate::{disk, root::Roots};

pub(crate) fn describe(roots: &Roots) -> io::Result<Value> {
    let (bytes, inodes) = disk::usage(&roots.debian)?;
    let memory = sysinfo();
    Ok(json!({
        "cpu": cpu(),
        "cores": thread::available_parallelism()?.get(),
        "memory_bytes": memory.totalram as u64 * u64::from(memory.mem_unit),
        "kernel": uname().release().to_string_lossy(),
        "file_system": file_system(&roots.debian)?,
        "date": date()?,
        "root_bytes": bytes,
        "root_inodes": inodes,
    }))
}

fn cpu() -> String {
    let table = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = table.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or("unknown", |(_, model)| model.trim()).to_owned()
}

/// The kind of the one that a directory lies on: that of a mount with the same device.
fn file_system(directory: &Path) -> io::Result<String> {
    let device = directory.metadata()?.dev();
    let device = format!("{}:{}", major(device), minor(device));
    let table = fs::read_to_string("/proc/self/mountinfo")?;
    let line = table.lines().find(|line| line.split(' ').nth(2) == Some(&device));
    let kind = line.and_then(|line| line.split_once(" - ")?.1.split(' ').next());
    Ok(kind.unwrap_or("unknown").to_owned())
}

fn date() -> io::Result<String> {
    let output = Command::new("date").args(["-u", "+%F"]).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
