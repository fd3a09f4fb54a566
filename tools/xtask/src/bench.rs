//! `cargo xtask bench`: the benchmarks of the whole workspace.

use anyhow::Result;

use crate::{forwarded::Forwarded, run};

/// Run the benchmarks.
///
/// What follows goes to cargo bench: `cargo xtask bench --bench spine -- --quick`. Without `--bench` all of them run.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    forwarded: Forwarded,
}

/// Runs `cargo bench` for the workspace. Libraries are left out: their unit tests do not know a benchmark's options.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let all: &[&str] = if arguments.forwarded.has("--bench") { &[] } else { &["--bench", "*"] };
    let mut command = run::cargo(&["bench", "--workspace"]);
    command.args(all);
    arguments.forwarded.add_to(&mut command);
    run::run(&mut command)
}
