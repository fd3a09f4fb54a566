//! A Debian root as an image has it, made by debootstrap from the mirror that this machine uses, and kept.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// At `debian` in the directory; made whole or not at all.
pub(crate) fn make(directory: &Path) -> io::Result<PathBuf> {
    let (whole, making) = (directory.join("debian"), directory.join("debian.making"));
    if whole.is_dir() {
        return Ok(whole);
    }
    let _ = fs::remove_dir_all(&making);
    testkit::say("making a Debian root, once");
    // What it mounts is nobody else's.
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "debootstrap", "--variant=minbase", "bookworm"])
        .arg(&making)
        .args(mirror())
        .stdout(Stdio::null());
    let status = command.status()?;
    if !status.success() {
        return Err(io::Error::other(format!("debootstrap: {status}")));
    }
    fs::rename(&making, &whole)?;
    Ok(whole)
}

/// The one that apt uses; without one, debootstrap has its own.
fn mirror() -> Option<String> {
    let output = Command::new("apt-get").args(["indextargets", "--format", "$(SITE) $(RELEASE)"]).output().ok()?;
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = table.lines().find_map(|line| line.strip_suffix(" bookworm"))?;
    Some(line.to_owned())
}
