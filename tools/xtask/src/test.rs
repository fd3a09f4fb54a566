//! `cargo xtask test`: installs the packages that the tests need, runs every test, two hundred containers at once, kernel
//! tests once more in a virtual machine, and sums up what was skipped.
//! Kernel tests (targets of `testkit`) print `skipped: NAME: REASON`; those lines are collected from the live output.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::{forwarded::Forwarded, packages, run, say::say, stress, vm};

const SKIPPED: &str = "skipped: ";
/// How testkit begins a reason that means: not enough privilege.
const NEEDS_ROOT: &str = "needs root";

/// Run all tests.
///
/// Missing Debian packages are installed first when this runs as root; otherwise the tests that need them are skipped,
/// and the summary says which and why. With CI=true a test skipped for want of root is a failure. Without arguments for
/// cargo, 200 containers are then run at once, see `cargo xtask stress --help`, and kernel tests once more in Debian 12's
/// kernel with pure cgroup v2, see `cargo xtask vm --help`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only those on this machine, or only those in the virtual one
    #[arg(long, value_name = "PART")]
    part: Option<Part>,
    #[command(flatten)]
    forwarded: Forwarded,
}

/// One of both, for whoever runs them beside something else.
#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
enum Part {
    Here,
    Machine,
}

/// A test that did not run, and why.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Skip {
    pub(crate) name: String,
    pub(crate) reason: String,
}

/// Runs the tests of the workspace, here and in a virtual machine; an error if any failed, or was skipped where that is
/// not allowed.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    // Who asks for some of the tests wants no others.
    let all = arguments.forwarded.is_empty();
    let mut done = Vec::new();
    if arguments.part != Some(Part::Machine) {
        done.push(told(on_this_machine(arguments)));
        done.extend(all.then(|| told(stress::step())));
    }
    if arguments.part != Some(Part::Here) {
        done.extend(all.then(|| told(vm::step())));
    }
    let skips = done.into_iter().collect::<Result<Vec<_>>>()?.concat();
    refuse(&skips, env::var("CI").is_ok_and(|value| value == "true"))
}

/// Says what was skipped, or why it failed: the others have their turn all the same.
fn told(done: Result<Vec<Skip>>) -> Result<Vec<Skip>> {
    match &done {
        Ok(skips) => report(skips),
        Err(error) => say(&format!("error: {error:#}")),
    }
    done
}

fn on_this_machine(arguments: &Arguments) -> Result<Vec<Skip>> {
    packages::ensure(packages::FOR_TESTS)?;
    let mut command = run::cargo(&["test", "--workspace", "--no-fail-fast"]);
    arguments.forwarded.add_to(&mut command);
    command.env("INSTA_UPDATE", "no").env_remove("INSTA_FORCE_PASS");
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().context("start cargo test")?;
    let output = child.stdout.take().context("cargo test has no output")?;
    let skips = pass_through(output, io::stdout())?;
    let status = child.wait()?;
    if !status.success() {
        report(&skips);
        bail!("cargo test: {status}");
    }
    Ok(skips)
}

/// Copies the output line by line as it comes, and keeps the skips. Bytes, because a test may print anything.
pub(crate) fn pass_through(output: impl Read, mut to: impl Write) -> Result<Vec<Skip>> {
    let mut output = BufReader::new(output);
    let mut skips = Vec::new();
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        to.flush()?;
        skips.extend(skip(&String::from_utf8_lossy(&line)));
        line.clear();
    }
    Ok(skips)
}

fn skip(line: &str) -> Option<Skip> {
    let (name, reason) = line.trim_end().strip_prefix(SKIPPED)?.split_once(": ")?;
    Some(Skip { name: name.into(), reason: reason.into() })
}

pub(crate) fn report(skips: &[Skip]) {
    if skips.is_empty() {
        return;
    }
    say(&format!("\n{} skipped:", skips.len()));
    for skip in skips {
        say(&format!("  {}: {}", skip.name, skip.reason));
    }
}

/// In CI, which runs as root and installs what it likes, a test skipped for want of that would never run.
fn refuse(skips: &[Skip], ci: bool) -> Result<()> {
    let skipped_for = |want| skips.iter().filter(|skip| skip.reason.starts_with(want)).count();
    let unprivileged = skipped_for(NEEDS_ROOT);
    if ci && unprivileged > 0 {
        bail!("skipped for want of root: {unprivileged}; CI must run every test that needs it");
    }
    if ci && skipped_for(vm::NO_MACHINE) > 0 {
        bail!("skipped for want of a virtual machine: its step; CI must run it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &[u8] = b"ok: a\nskipped: b: needs root: no bridge\n not skipped: c: d\n\xff\nskipped: e: no runc\n";

    fn skips() -> Vec<Skip> {
        pass_through(OUTPUT, io::sink()).expect("memory can be read")
    }

    #[test]
    fn every_byte_is_passed_through() {
        let mut seen = Vec::new();
        pass_through(OUTPUT, &mut seen).expect("memory can be read");
        assert_eq!(seen, OUTPUT);
    }

    #[test]
    fn skips_are_collected_with_their_reason() {
        let (b, e) = (("b", "needs root: no bridge"), ("e", "no runc"));
        let expected = [b, e].map(|(name, reason)| Skip { name: name.into(), reason: reason.into() });
        assert_eq!(skips(), expected);
    }

    #[test]
    fn a_skip_for_want_of_root_fails_in_ci_only() {
        assert!(refuse(&skips(), true).is_err());
        assert!(refuse(&skips(), false).is_ok());
        assert!(refuse(&skips()[1..], true).is_ok());
    }

    #[test]
    fn a_virtual_machine_that_cannot_be_had_fails_in_ci_only() {
        let skips = [Skip { name: "vm".into(), reason: format!("{}: no qemu", vm::NO_MACHINE) }];
        assert!(refuse(&skips, true).is_err());
        assert!(refuse(&skips, false).is_ok());
    }
}
