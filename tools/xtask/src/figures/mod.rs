//! `cargo xtask figures`: what the book shows of the bench `sharing`: two drawings and a table, made from one run's JSON.

mod curve;
mod pairs;
mod paper;
mod report;
mod table;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{run, say::say};
use report::Report;

/// Measure what sharing layers saves, and draw it for the book.
///
/// Takes some minutes on an idle machine, as root. The drawings and the table replace those in book/src/figures.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Draw these figures, of an earlier run, instead of measuring
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let file = arguments.from.clone().map_or_else(measured, Ok)?;
    let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    let report: Report = serde_json::from_str(&text).with_context(|| format!("parse {}", file.display()))?;
    let directory = run::root().join("book/src/figures");
    write(&directory.join("sharing-start.svg"), &pairs::draw(&report)?)?;
    write(&directory.join("sharing-disk.svg"), &curve::draw(&report)?)?;
    write(&directory.join("sharing.md"), &table::text(&report))
}

/// A new run's file. Without an old one, a bench that was skipped can't look like one that has run.
fn measured() -> Result<PathBuf> {
    let file = run::target().join("bench/sharing.json");
    if file.exists() {
        fs::remove_file(&file).with_context(|| format!("remove {}", file.display()))?;
    }
    run::run(&mut run::cargo(&["bench", "--package", "conex", "--bench", "sharing", "--", "table"]))?;
    Ok(file)
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("write {}", file.display()))?;
    say(&format!("wrote {}", file.display()));
    Ok(())
}
