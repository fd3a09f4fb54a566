//! `starter`: a shell and the daily programs of this machine, whichever are there.

use std::path::PathBuf;

use super::{Images, Record, from_host, programs};
use crate::{
    failure::{Failure, Result},
    lock,
};

/// The image that needs no network.
pub(crate) const STARTER: &str = "starter";

/// By subject; a machine need not have them all.
const PROGRAMS: [&str; 71] = [
    // Files.
    "ls",
    "cat",
    "cp",
    "mv",
    "rm",
    "ln",
    "mkdir",
    "rmdir",
    "touch",
    "chmod",
    "chown",
    "stat",
    "readlink",
    "realpath",
    "basename",
    "dirname",
    "find",
    "du",
    "df",
    "dd",
    "tar",
    "gzip",
    "mktemp",
    "mknod",
    // Text.
    "echo",
    "printf",
    "head",
    "tail",
    "wc",
    "sort",
    "uniq",
    "cut",
    "tr",
    "tee",
    "seq",
    "grep",
    "sed",
    "awk",
    "xargs",
    "od",
    // Processes.
    "ps",
    "kill",
    "sleep",
    "env",
    "nice",
    "timeout",
    "true",
    "false",
    "test",
    "expr",
    "nproc",
    "uptime",
    "free",
    "setsid",
    // Who and where.
    "id",
    "whoami",
    "hostname",
    "uname",
    "date",
    "pwd",
    "tty",
    "stty",
    "clear",
    "getent",
    // What chapters look at.
    "ip",
    "mount",
    "umount",
    "unshare",
    "nsenter",
    "pivot_root",
    "chroot",
];

fn list() -> Result<Vec<PathBuf>> {
    let shell = programs::find("sh").map_err(|_| Failure::new("this machine has no sh to make an image of"))?;
    let others = PROGRAMS.iter().filter_map(|program| programs::find(program).ok());
    Ok(std::iter::once(shell).chain(programs::find("bash").ok()).chain(others).collect())
}

/// Makes it, unless another process was faster.
pub(super) fn make(images: &Images<'_>) -> Result<Record> {
    let _lock = lock::exclusive(&images.paths.starter_lock())?;
    if let Some(record) = images.find_here(STARTER)? {
        return Ok(record);
    }
    let (record, _) = from_host::make(images, &list()?, vec!["sh".to_owned()])?;
    images.name(&record, &Images::reference(STARTER)?)?;
    Ok(record)
}
