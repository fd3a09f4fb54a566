//! Programs that cargo builds from the learner's tree, as whoever asked: only what is built ever runs as root.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Builds with these arguments of cargo's, and gives where the program of this name then lies.
pub fn program(root: &Path, arguments: &[&str], name: &str) -> Result<PathBuf> {
    refuse_sudo()?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(arguments).args(["--quiet", "--message-format=json-render-diagnostics"]);
    let built = cargo.stdin(Stdio::null()).output().context("start cargo")?;
    let said = String::from_utf8_lossy(&built.stderr);
    if !built.status.success() {
        bail!("your floor does not compile:\n{}", said.trim());
    }
    // Warnings are the learner's to see.
    let _ = std::io::stderr().write_all(said.as_bytes());
    let messages = String::from_utf8_lossy(&built.stdout).into_owned();
    messages.lines().find_map(|line| executable(line, name)).with_context(|| format!("cargo built no {name}"))
}

/// The path in one of cargo's messages, if it tells of a program of this name.
fn executable(line: &str, name: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let path = message["executable"].as_str()?;
    (message["target"]["name"] == name).then(|| path.into())
}

/// Cargo as root would leave files in the tree that its owner can't write any more.
fn refuse_sudo() -> Result<()> {
    if is_root() && std::env::var_os("SUDO_UID").is_some_and(|uid| uid != "0") {
        bail!("cargo runs under sudo: start it as yourself; what needs root asks for it");
    }
    Ok(())
}

/// A command that runs a built program as root: by sudo, unless we are.
pub fn as_root(program: &Path) -> Command {
    if is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.arg("--").arg(program);
    command
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_in_cargo_s_messages() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"exercises"},"executable":"/t/exercises-1"}"#;
        assert_eq!(executable(line, "exercises"), Some("/t/exercises-1".into()));
        assert_eq!(executable(line, "other"), None);
        let library = r#"{"reason":"compiler-artifact","target":{"name":"exercises"},"executable":null}"#;
        assert_eq!(executable(library, "exercises"), None);
        assert_eq!(executable("not json", "exercises"), None);
    }
}
