//! `cargo xtask vm`: a command in a virtual machine with a kernel of Debian's and cgroup version 2 alone, which is what
//! nearly every machine has, if not the one that we test on. Nothing is installed but QEMU; root is not needed.

mod apt;
mod binaries;
mod cpio;
mod initramfs;
mod kernel;
mod machine;
mod modules;

use std::{
    io::{self, Read, Write},
    process::{ChildStdout, ExitCode},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    packages,
    say::{complain, say},
    test::{self, Skip},
};
use binaries::Binary;
use kernel::{Kernel, Source};
use machine::{Desk, Size};

/// Debian 12's, which is the oldest that we test, and the newest that its backports have.
const KERNELS: [&str; 2] = ["linux-image-cloud-amd64/bookworm", "linux-image-cloud-amd64/bookworm-backports"];

/// The status for all that is not the command's doing.
const FAILED: u8 = 2;

/// What a skip of the whole step begins with; in CI it is a failure.
pub(crate) const NO_MACHINE: &str = "no virtual machine";

const COMMAND_MAX: Duration = Duration::from_secs(600);

/// Some four times what all of them take, and six times what the short list takes.
const TESTS_MAX: Duration = Duration::from_secs(7200);
const SHORT_MAX: Duration = Duration::from_secs(1200);

/// The engine's package, and its tests that go along with those of all chapters. Its others take many minutes in an
/// emulated machine; they can be named as a command.
const ENGINE: (&str, &[&str]) = ("conex", &["conex-run"]);

/// Those of them that `cargo xtask test` runs there, which is emulated and slow: what differs from kernel to kernel, and from
/// cgroup v1 to v2. Chapter 3's tests are not among them: they expect layers to be seen through an id map, as from 6.15 on.
const SHORT: &[&str] = &[
    "conex-namespaces-container",
    "conex-namespaces-refused",
    "conex-namespaces-spine",
    "conex-cgroups-book",
    "conex-cgroups-delegated",
    "conex-cgroups-limits",
    "conex-overlay-layers",
    "conex-overlay-refused",
    "conex-run",
];

/// Run a command in a virtual machine, as root, with a Debian kernel and pure cgroup v2.
///
/// The machine is emulated in software and starts in some ten seconds. It has busybox, the programs that tests compare
/// with, an ordinary user `learner`, and this workspace's test binaries: a program is called by its name, a test by
/// PACKAGE-TARGET, for example `conex-namespaces-theorem`. The command's output and exit status are ours; 2 also stands
/// for a machine that could not be started, stopped early or took too long.
///
/// Kernels are fetched once, into target/vm, and not installed.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The kernel's Debian package, and the suite that has it; bookworm if none is given
    #[arg(long, value_name = "PACKAGE[/SUITE]")]
    kernel: Option<Source>,
    /// Run the chapters' kernel tests and the engine's `run`, in the kernel given or in both that are ours: Debian 12's and
    /// its backports' newest
    #[arg(long, conflicts_with = "command")]
    tests: bool,
    /// End the machine after so many seconds; 600 if none are given, or 1800 for the tests
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// The machine's memory in MiB
    #[arg(long, value_name = "MIB", default_value_t = 4096)]
    memory: u32,
    /// The machine's processors
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    cpus: u32,
    /// A variable of the command's environment
    #[arg(long, value_name = "KEY=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// What the machine's shell runs; several words are joined with blanks
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required_unless_present = "tests")]
    command: Vec<String>,
}

impl Arguments {
    fn size(&self) -> Size {
        let time_max = self.timeout.map_or(if self.tests { TESTS_MAX } else { COMMAND_MAX }, Duration::from_secs);
        Size { memory_mib: self.memory, cpus: self.cpus, time_max }
    }
}

/// Runs the command, or the tests; the exit code.
pub(crate) fn main(arguments: &Arguments) -> ExitCode {
    let run = if arguments.tests { run_tests } else { run_command };
    ExitCode::from(packages::ensure(packages::FOR_VM).and_then(|()| run(arguments)).unwrap_or_else(failed))
}

fn failed(error: anyhow::Error) -> u8 {
    complain(&format!("error: {error:#}"));
    FAILED
}

fn run_command(arguments: &Arguments) -> Result<u8> {
    let source = arguments.kernel.clone().map_or_else(|| KERNELS[0].parse(), Ok)?;
    let script = script(&arguments.env, &arguments.command.join(" "));
    let (_, status) = run(&Kernel::obtain(&source)?, &binaries::build()?, arguments.size(), &script, pass_on)?;
    Ok(status)
}

/// All kernels have their turn, also after one has failed; the worst status.
fn run_tests(arguments: &Arguments) -> Result<u8> {
    let sources = match &arguments.kernel {
        Some(source) => vec![source.clone()],
        None => KERNELS.iter().map(|source| source.parse()).collect::<Result<_>>()?,
    };
    let tested = sources.iter().map(|source| {
        let (skips, status) = test_in(&Kernel::obtain(source)?, arguments.size(), &arguments.env, &is_wanted)?;
        test::report(&skips);
        Ok(status)
    });
    Ok(tested.map(|tested| tested.unwrap_or_else(failed)).max().unwrap_or_default())
}

/// The step `vm` of `cargo xtask test`: some kernel tests in the first kernel. Where no machine can be had it is skipped.
pub(crate) fn step() -> Result<Vec<Skip>> {
    packages::ensure(packages::FOR_VM)?;
    let kernel = match machine::program().and_then(|_| Kernel::obtain(&KERNELS[0].parse()?)) {
        Ok(kernel) => kernel,
        Err(obstacle) => return Ok(vec![Skip { name: "vm".into(), reason: format!("{NO_MACHINE}: {obstacle:#}") }]),
    };
    let is_short = |binary: &Binary| is_wanted(binary) && SHORT.contains(&binary.name.as_str());
    match test_in(&kernel, Size { memory_mib: 2048, cpus: 2, time_max: SHORT_MAX }, &[], &is_short)? {
        (skips, 0) => Ok(skips),
        _ => bail!("kernel tests fail in {}", kernel.release),
    }
}

/// Runs the kernel tests that are wanted; what they skipped, and 0 if none failed.
fn test_in(
    kernel: &Kernel,
    size: Size,
    variables: &[(String, String)],
    wanted: &dyn Fn(&Binary) -> bool,
) -> Result<(Vec<Skip>, u8)> {
    let start = Instant::now();
    let binaries = binaries::build()?;
    let tests = binaries.iter().filter(|binary| wanted(binary)).map(|binary| binary.name.as_str());
    let tests: Vec<&str> = tests.collect();
    say(&format!("== vm: {} targets in {}", tests.len(), kernel.release));
    let script = script(variables, &all_of(&tests));
    let done = run(kernel, &binaries, size, &script, |output| test::pass_through(output, io::stdout()))?;
    say(&format!("vm: {} took {:.1} s", kernel.release, start.elapsed().as_secs_f64()));
    Ok(done)
}

fn is_wanted(binary: &Binary) -> bool {
    let (engine, tests) = ENGINE;
    binary.is_kernel_test && (binary.package != engine || tests.contains(&binary.name.as_str()))
}

/// Runs a machine with the command; what `listen` made of its output, and the command's status.
fn run<T>(
    kernel: &Kernel,
    binaries: &[Binary],
    size: Size,
    script: &str,
    listen: impl FnOnce(ChildStdout) -> Result<T>,
) -> Result<(T, u8)> {
    let desk = Desk::new()?;
    initramfs::write(&desk.initramfs(), kernel, binaries, script)?;
    desk.run(&kernel.image(), size, listen)
}

/// Copies the output as it comes. Bytes, because a command may print anything; whether anybody reads them is none of the
/// command's business.
fn pass_on(mut output: ChildStdout) -> Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let length = output.read(&mut bytes)?;
        if length == 0 {
            return Ok(());
        }
        let _ = io::stdout().write_all(&bytes[..length]).and_then(|()| io::stdout().flush());
    }
}

/// For the machine's shell.
fn script(variables: &[(String, String)], command: &str) -> String {
    let quoted = |value: &str| format!("'{}'", value.replace('\'', r"'\''"));
    let export = |(key, value): &(String, String)| format!("export {key}={}\n", quoted(value));
    variables.iter().map(export).chain([command.to_owned(), "\n".to_owned()]).collect()
}

/// Runs all of them; fails if one does, and says which.
fn all_of(tests: &[&str]) -> String {
    let each =
        format!("for test in {}; do echo \"-- $test\"; $test || failed=\"$failed $test\"; done", tests.join(" "));
    // On the machine's disk before 6.3, which shows no tmpfs through an id map; the disk has few inodes and few centuries.
    // In here a test may change the whole machine.
    let place = "case $(uname -r) in [1-5].*|6.[012].*) export TESTKIT_PLACE=/var/testkit;; esac\nexport CONEX_VM=1";
    format!("{place}\nfailed=\n{each}\n[ -z \"$failed\" ] || {{ echo \"failed:$failed\"; exit 1; }}")
}

/// A variable as `--env` takes it.
fn variable(text: &str) -> Result<(String, String)> {
    let (key, value) = text.split_once('=').context("not KEY=VALUE")?;
    let is_name = !key.is_empty() && key.chars().all(|one| one.is_ascii_alphanumeric() || one == '_');
    if !is_name || key.starts_with(|first: char| first.is_ascii_digit()) {
        bail!("{key} is no name for a shell's variable");
    }
    Ok((key.into(), value.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_exported_whatever_they_hold() {
        let variables = ["A=it's $x", "B_1="].map(|text| variable(text).expect("a variable"));
        assert_eq!(script(&variables, "true; false"), "export A='it'\\''s $x'\nexport B_1=''\ntrue; false\n");
        for text in ["A", "=a", "a b=c", "1=a", "a;b=c"] {
            assert!(variable(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_test_runs_and_the_failed_are_named() {
        let output = std::process::Command::new("sh").args(["-c", &all_of(&["true", "false", "true"])]).output();
        let output = output.expect("a shell runs");
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(output.stdout, b"-- true\n-- false\n-- true\nfailed: false\n");
    }

    #[test]
    fn the_kernels_have_names_that_can_be_fetched() {
        KERNELS.iter().for_each(|source| drop(source.parse::<Source>().expect("a package of a suite")));
    }
}
