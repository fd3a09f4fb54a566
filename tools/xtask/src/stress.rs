//! `cargo xtask stress`: many containers at once, on the roots and in the namespaces and cgroups of a throw-away host; what
//! they cost, and whether anything fails or is left behind. This file makes the host, `course` is what happens in it.
//! See testkit, whose only case here it is.

mod census;
mod conex;
mod course;
mod report;

use std::{
    env,
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use testkit::{Bounds, Case, TestHost};

use crate::{
    run,
    test::{self, Skip},
};

/// Tell the program, once it was started by itself, what to run how often.
const PROGRAM: &str = "CONEX_STRESS_PROGRAM";
const CONTAINERS: &str = "CONEX_STRESS_CONTAINERS";

/// Of the step in `cargo xtask test`; it takes some seconds.
const STEP_CONTAINERS: u32 = 200;

/// What a host may take: ten times what it takes here, with a build for debugging.
const TIME_MAX: Duration = Duration::from_secs(60);
const TIME_MAX_EACH: Duration = Duration::from_millis(500);

/// Start many containers, look at them, stop and remove them.
///
/// In a throw-away host, as root. Prints how long things take and what a container costs, each beside what was promised, and
/// ends with 1 if a command fails or anything is left behind; a figure is never a failure. `cargo xtask test` does it with 200.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many containers
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    containers: u32,
    /// The program that runs them, instead of a release build
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let program = arguments.program.clone().map_or_else(built, Ok)?;
    match start(&program, arguments.containers)?.first() {
        Some(skip) => bail!("nothing was run: {}", skip.reason),
        None => Ok(()),
    }
}

/// The step `stress` of `cargo xtask test`, with the program that its tests were built with.
pub(crate) fn step() -> Result<Vec<Skip>> {
    start(&run::target().join("debug/conex"), STEP_CONTAINERS)
}

fn built() -> Result<PathBuf> {
    run::run(&mut run::cargo(&["build", "--quiet", "--release", "--package", "conex", "--bin", "conex"]))?;
    Ok(run::target().join("release/conex"))
}

/// Starts this program again, to run the case of its own; what was skipped.
fn start(program: &Path, containers: u32) -> Result<Vec<Skip>> {
    if !program.is_file() {
        bail!("{} is not there: cargo build makes it", program.display());
    }
    let mut inside = Command::new(env::current_exe()?);
    inside.env(PROGRAM, std::path::absolute(program)?).env(CONTAINERS, containers.to_string());
    let mut inside = inside.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("start the stress")?;
    let output = inside.stdout.take().context("the stress has no output")?;
    let skips = test::pass_through(output, io::stdout())?;
    let status = inside.wait()?;
    if !status.success() {
        bail!("stress: {status}");
    }
    Ok(skips)
}

/// Whether `start` was here before us.
pub(crate) fn is_inside() -> bool {
    env::var_os(PROGRAM).is_some()
}

/// The case, in whichever stage of its host this process is.
pub(crate) fn inside() -> ExitCode {
    let program = env::var(PROGRAM).unwrap_or_default();
    let bounds = Bounds { time: TIME_MAX + TIME_MAX_EACH * containers(), processes: None, memory_bytes: None };
    testkit::run(&[Case { bounds, ..Case::root("many_live_at_once_and_leave_nothing", many) }], &[&program])
}

fn containers() -> u32 {
    env::var(CONTAINERS).ok().and_then(|number| number.parse().ok()).unwrap_or(STEP_CONTAINERS)
}

fn many(test: &TestHost) {
    let program = env::var_os(PROGRAM).unwrap_or_default();
    let name = Path::new(&program).file_name().and_then(OsStr::to_str).unwrap_or_default();
    let conex = conex::Conex::new(test, name);
    let report = course::run(&conex, containers() as usize);
    crate::say::say(&format!("== stress: {} containers, {}", containers(), program.display()));
    report.tell();
    assert_eq!(report.faults(), 0, "faults are told above");
}
