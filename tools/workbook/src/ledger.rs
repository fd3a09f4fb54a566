//! Undoing what an earlier run of checks left in the kernel when it was ended before its time.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use testkit::{Entry, Ledger};

use crate::git::notes;

/// Where the checks of a tree write themselves down.
pub(crate) fn path(root: &Path) -> Result<PathBuf> {
    Ok(notes(root)?.join("ledger"))
}

/// Waits until no other run of this tree's checks is under way; none begins before the file is dropped.
pub(crate) fn alone(root: &Path) -> Result<File> {
    let file = File::create(notes(root)?.join("lock")).context("make the lock")?;
    file.lock().context("take the lock")?;
    Ok(file)
}

/// Ends what is written down and still there; gives what that was. Only for whoever is alone.
pub(crate) fn undo(root: &Path) -> Result<Vec<String>> {
    let ledger = Ledger::at(&path(root)?);
    let there: Vec<Entry> = ledger.entries().context("read the ledger")?.into_iter().filter(Entry::is_there).collect();
    for entry in &there {
        match entry.undo() {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => as_root(entry)?,
            done => done.with_context(|| format!("end {entry}"))?,
        }
    }
    ledger.clear().context("clear the ledger")?;
    Ok(there.iter().map(ToString::to_string).collect())
}

/// A check that ran as root is root's process.
fn as_root(entry: &Entry) -> Result<()> {
    let Entry::Process { pid, .. } = entry;
    let status = Command::new("sudo").args(["--", "kill", "-KILL", &pid.to_string()]).status().context("start sudo")?;
    if !status.success() {
        bail!("{entry}, an earlier run of the checks, can't be ended");
    }
    Ok(())
}
