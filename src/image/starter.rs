//! `starter`: a shell and the daily programs of this machine, whichever are there.

use std::path::PathBuf;

use super::{Config, Existing, Made, STARTER, programs};
use crate::{
    engine::Engine,
    failure::{Failure, Result},
};

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

/// Makes it.
pub(super) fn make(engine: &Engine) -> Result<Made> {
    let config = Config { command: vec!["sh".to_owned()], ..Config::default() };
    super::make(engine, STARTER, &list()?, config, Existing::Keep)
}
