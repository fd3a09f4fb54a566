//! `cargo xtask lint`: every check that is not a test. One table of steps; all of them run, even after one has failed.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{book, run, say::say, tidy, tools};

/// Check formatting, lints, tidiness, licences, documentation, spelling and the book.
///
/// All steps run even when one fails. Tools that are not cargo's own are built into target/tools on the first run.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run only these steps
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(STEPS.map(|step| step.name)))]
    steps: Vec<String>,
}

#[derive(Clone, Copy)]
struct Step {
    name: &'static str,
    run: fn() -> Result<()>,
}

/// The quick ones first.
const STEPS: [Step; 8] = [
    Step { name: "fmt", run: fmt },
    Step { name: "tidy", run: tidy::main },
    Step { name: "clippy", run: clippy },
    Step { name: "doc", run: doc },
    Step { name: "typos", run: typos },
    Step { name: "deny", run: deny },
    Step { name: "book", run: book::check },
    Step { name: "pages", run: book::look },
];

/// Runs the chosen steps, or all; an error if any failed.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let chosen = |step: &&Step| arguments.steps.is_empty() || arguments.steps.iter().any(|name| name == step.name);
    let done: Vec<(&Step, Duration, bool)> = STEPS.iter().filter(chosen).map(timed).collect();
    tools::drop_build();
    say("");
    for (step, time, ok) in &done {
        say(&format!("{:<7}{:>7.1} s  {}", step.name, time.as_secs_f64(), if *ok { "ok" } else { "FAILED" }));
    }
    match done.iter().filter(|(_, _, ok)| !ok).count() {
        0 => Ok(()),
        1 => bail!("1 step failed"),
        failed => bail!("{failed} steps failed"),
    }
}

fn timed(step: &Step) -> (&Step, Duration, bool) {
    say(&format!("== {}", step.name));
    let start = Instant::now();
    let result = (step.run)();
    if let Err(error) = &result {
        say(&format!("{}: {error:#}", step.name));
    }
    (step, start.elapsed(), result.is_ok())
}

fn fmt() -> Result<()> {
    run::run(&mut run::cargo(&["fmt", "--all", "--check"]))
}

fn clippy() -> Result<()> {
    run::run(&mut run::cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn doc() -> Result<()> {
    run::run(run::cargo(&["doc", "--quiet", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
}

fn typos() -> Result<()> {
    run::run(&mut tools::command("typos")?)
}

/// Without `advisories`: their database is a git repository that must be fetched anew each time.
fn deny() -> Result<()> {
    run::run(tools::command("cargo-deny")?.args(["--workspace", "check", "licenses", "bans", "sources"]))
}
