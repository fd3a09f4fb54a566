//! `cargo workbook`: the learner's tool. Empties functions, checks what is written in their place against the running
//! kernel, gives hints, and runs the engine on the learner's floor.

#![forbid(unsafe_code)]

use std::{
    io::{self, Write},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use workbook::{
    Whose, built,
    check::{self, Outcome, Report},
    commands, doctor, floor, hint, settle,
    table::{self, Exercise},
    text::{quoted, wrapped},
    update::update,
    watch,
};

/// Learn how containers work by writing the floors of an engine.
#[derive(Parser)]
#[command(name = "cargo workbook", bin_name = "cargo workbook", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Say what this machine can run, and what it can't and why
    Doctor {
        /// A chapter, such as namespaces; without one, all
        chapter: Option<String>,
        /// Print JSON, one object a line
        #[arg(long)]
        json: bool,
    },
    /// Make a tree of your own, with its own history
    New {
        /// A directory that is not there yet
        directory: PathBuf,
    },
    /// Empty an exercise's function, or all of a chapter, and print the cards
    Start {
        /// An exercise or a chapter, such as namespaces.pivot or namespaces
        what: String,
    },
    /// Check what you wrote against the running kernel
    Check {
        /// An exercise or a chapter; without one, every exercise that you have begun
        what: Option<String>,
        /// Print JSON, one object a line
        #[arg(long)]
        json: bool,
        /// Check again whenever a file of the chapter changes
        #[arg(long)]
        watch: bool,
    },
    /// Print the next hint
    Hint {
        /// An exercise
        what: String,
        /// 1, 2 or 3
        #[arg(long)]
        level: Option<usize>,
    },
    /// Print the difference between yours and the reference
    Diff {
        /// An exercise
        what: String,
        /// Also before yours passes
        #[arg(long)]
        reveal: bool,
    },
    /// Put the reference back; work of yours is kept
    Reset {
        /// An exercise or a chapter
        what: String,
    },
    /// Say whose functions are in the tree
    Status,
    /// Bring this tree to the newest commit of where it came from
    Update,
    /// Run the engine on your floor
    Run {
        /// Start the built engine with sudo
        #[arg(long)]
        sudo: bool,
        /// As for conex
        #[arg(last = true)]
        arguments: Vec<String>,
    },
}

/// The status of a check that is not green.
const RED: u8 = 1;
/// The status of what could not be done.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn say(text: &str) {
    // Without a reader there is nobody to tell.
    let _ = writeln!(io::stdout(), "{}", text.trim_end_matches('\n'));
}

/// For whoever looks on: standard output is for the answer.
fn say_aside(text: &str) {
    let _ = writeln!(io::stderr(), "{}", text.trim_end_matches('\n'));
}

/// The tree that this tool was built in.
fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package)
}

/// Does it; gives the exit status.
fn run(verb: Verb) -> Result<u8> {
    let root = root();
    settle(root)?;
    match verb {
        Verb::Doctor { chapter, json } => return doctor(root, chapter.as_deref(), json),
        Verb::New { directory } => {
            let directory = std::path::absolute(directory)?;
            commands::new(root, &directory)?;
            // Without the `..` that was typed.
            let directory = directory.canonicalize()?;
            say(&format!("{} is yours. Go on with:\n  cd {0}\n  cargo workbook start namespaces", directory.display()));
        }
        Verb::Start { what } => start(root, &what)?,
        Verb::Check { what, json, watch: false } => return check_once(root, what.as_deref(), json),
        Verb::Check { what, json, watch: true } => watch(root, what.as_deref(), json)?,
        Verb::Hint { what, level } => say(&hint::hint(root, &one(root, &what)?, level)?),
        Verb::Diff { what, reveal } => return diff(root, &one(root, &what)?, reveal),
        Verb::Reset { what } => {
            for exercise in table::chosen(root, &what)? {
                match commands::reset(root, &exercise)? {
                    Some(saved) => say(&format!("{}: reference; yours is kept in {}", exercise.id, saved.display())),
                    None => say(&format!("{}: reference", exercise.id)),
                }
            }
        }
        Verb::Status => status(root)?,
        Verb::Update => say(&update(root)?),
        Verb::Run { sudo, arguments } => return engine(root, sudo, &arguments),
    }
    Ok(0)
}

/// Begins one exercise, or all of a floor's: there, those that hold work already are only named.
fn start(root: &Path, what: &str) -> Result<()> {
    let exercises = table::chosen(root, what)?;
    let alone = exercises.len() == 1;
    for exercise in exercises {
        match commands::start(root, &exercise) {
            Ok(card) => say(&(card + "\n")),
            Err(error) if alone => return Err(error),
            Err(error) => say_aside(&format!("{error:#}\n")),
        }
    }
    Ok(())
}

fn one(root: &Path, what: &str) -> Result<Exercise> {
    table::chosen(root, what)?.into_iter().next().context("there is one")
}

/// Those that a word means, or that were begun.
fn meant(root: &Path, what: Option<&str>) -> Result<Vec<Exercise>> {
    match what {
        Some(what) => table::chosen(root, what),
        None => {
            let begun = commands::status(root)?.into_iter().filter(|(_, whose)| *whose != Whose::Reference);
            Ok(begun.map(|(exercise, _)| exercise).collect())
        }
    }
}

fn check_once(root: &Path, what: Option<&str>, json: bool) -> Result<u8> {
    let exercises = meant(root, what)?;
    if exercises.is_empty() {
        say_aside("nothing is begun; cargo workbook start namespaces");
        return Ok(0);
    }
    let report = check::run(root, &exercises)?;
    for outcome in &report.outcomes {
        say(&if json { serde_json::to_string(outcome)? } else { verdict(outcome) });
    }
    if !json && !report.is_green() {
        explain(root, &report)?;
    }
    Ok(if report.is_green() { 0 } else { RED })
}

fn verdict(outcome: &Outcome) -> String {
    let word = match outcome.holds {
        Some(true) => "ok      ",
        Some(false) => "FAILED  ",
        None => "skipped ",
    };
    let why = outcome.reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
    wrapped(word, &format!("{}: {}{why}", outcome.exercise, outcome.claim))
}

/// What a red check is to be read with: what was said, whose floors these are, and where help is.
fn explain(root: &Path, report: &Report) -> Result<()> {
    if !report.said.is_empty() {
        say(&quoted("said    ", &report.said));
    }
    let floors: Vec<String> = floor::floors(root)?.iter().map(ToString::to_string).collect();
    say(&wrapped("floors  ", &floors.join(", ")));
    let mut failing: Vec<&str> =
        report.outcomes.iter().filter(|one| one.holds == Some(false)).map(|one| one.exercise.as_str()).collect();
    failing.dedup();
    failing.iter().for_each(|id| say(&format!("help    cargo workbook hint {id}")));
    Ok(())
}

/// Checks whenever a source file of the exercises' chapters has changed.
fn watch(root: &Path, what: Option<&str>, json: bool) -> Result<()> {
    let sources = || -> Result<Vec<PathBuf>> {
        Ok(meant(root, what)?.iter().map(|exercise| root.join(&exercise.chapter).join("src")).collect())
    };
    watch::on_change(&sources, &mut || {
        if let Err(error) = check_once(root, what, json) {
            say_aside(&format!("error: {error:#}"));
        }
    })
}

fn diff(root: &Path, exercise: &Exercise, reveal: bool) -> Result<u8> {
    if !reveal && !check::run(root, std::slice::from_ref(exercise))?.is_green() {
        say(&format!("{} does not pass yet; --reveal shows the reference all the same", exercise.id));
        return Ok(RED);
    }
    let diff = commands::diff(root, exercise)?;
    say(if diff.is_empty() { "yours and the reference are the same" } else { &diff });
    Ok(0)
}

fn status(root: &Path) -> Result<()> {
    for (exercise, whose) in commands::status(root)? {
        say(&format!("{:<28} {:>3} min   {}", exercise.id, exercise.minutes, whose.word()));
    }
    floor::floors(root)?.iter().for_each(|floor| say(&format!("floor {floor}")));
    Ok(())
}

/// The engine, built from this tree as whoever asks, and started as that user or by sudo; its exit status is ours.
fn engine(root: &Path, sudo: bool, arguments: &[String]) -> Result<u8> {
    let program = built::program(root, &["build", "--package", "conex", "--bin", "conex"], "conex")?;
    let mut command = if sudo { built::as_root(&program) } else { Command::new(&program) };
    let status = command.args(arguments).status().with_context(|| format!("start {}", program.display()))?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(FAILED))
}

fn doctor(root: &Path, chapter: Option<&str>, json: bool) -> Result<u8> {
    let findings = doctor::examine(root, chapter)?;
    for finding in &findings {
        if json {
            say(&serde_json::to_string(finding)?);
            continue;
        }
        let label = format!("{} {:<16} ", if finding.ok { "ok     " } else { "MISSING" }, finding.name);
        say(&wrapped(&label, &finding.found));
        if !finding.ok {
            say(&wrapped("        prevents: ", finding.prevents));
            say(&wrapped("        fix:      ", finding.fix));
        }
    }
    Ok(u8::from(findings.iter().any(|finding| !finding.ok)))
}
