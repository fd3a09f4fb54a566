//! Starting other programs: where the repository is, which cargo to call, and errors that show the whole command.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The root of the repository: two directories above this package.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package)
}

/// The directory that cargo builds into, which also holds our tools.
pub(crate) fn target() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// The cargo that started us, in the root of the repository.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Runs a command that shares our output, and fails unless it exits with 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("start {}", words(command)))?;
    if !status.success() {
        bail!("{}: {status}", words(command));
    }
    Ok(())
}

/// Runs a command in silence; what it wrote to its output, or an error that ends with its last complaints.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    Ok(String::from_utf8_lossy(&bytes(command)?).into_owned())
}

/// The same for output that is no text.
pub(crate) fn bytes(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("start {}", words(command)))?;
    if !output.status.success() {
        bail!("{}: {}: {}", words(command), output.status, end(&String::from_utf8_lossy(&output.stderr)));
    }
    Ok(output.stdout)
}

/// The last lines of a log, where the reason of a failure is.
pub(crate) fn end(log: &str) -> String {
    const LINES: usize = 5;
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// The command as a person would type it, for messages.
pub(crate) fn words(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program()).to_string_lossy();
    command.get_args().fold(program.into_owned(), |line, word| format!("{line} {}", word.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_the_command_the_status_and_the_complaint() {
        let error = output(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).expect_err("it exits with 3");
        assert_eq!(error.to_string(), "sh -c echo why >&2; exit 3: exit status: 3: why");
    }

    #[test]
    fn the_end_of_a_log_is_its_last_five_lines() {
        assert_eq!(end("1\n2\n3\n4\n5\n6\n"), "2\n3\n4\n5\n6");
        assert_eq!(end(""), "");
    }
}
