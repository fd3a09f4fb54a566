//! `cargo workbook`: the learner's tool. Empties functions, checks what is written in their place against the running
//! kernel, gives hints, and runs the engine on the learner's floor.

#![forbid(unsafe_code)]

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use workbook::{
    Whose, check, commands,
    table::{self, Exercise},
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
    Doctor,
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
        /// As for conex
        #[arg(last = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(green) => ExitCode::from(u8::from(!green)),
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn say(text: &str) {
    // Without a reader there is nobody to tell.
    let _ = writeln!(io::stdout(), "{}", text.trim_end_matches('\n'));
}

/// The tree that this tool was built in.
fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package)
}

/// Whether all is well.
fn run(verb: Verb) -> Result<bool> {
    let root = root();
    match verb {
        Verb::Doctor => return doctor(root),
        Verb::New { directory } => {
            let directory = std::path::absolute(directory)?;
            commands::new(root, &directory)?;
            say(&format!("{} is yours. Go on with:\n  cd {0}\n  cargo workbook start namespaces", directory.display()));
        }
        Verb::Start { what } => {
            for exercise in table::chosen(root, &what)? {
                say(&(commands::start(root, &exercise)? + "\n"));
            }
        }
        Verb::Check { what, json, watch: false } => return check_once(root, what.as_deref(), json),
        Verb::Check { what, json, watch: true } => watch(root, what.as_deref(), json)?,
        Verb::Hint { what, level } => say(&commands::hint(root, &one(root, &what)?, level)?),
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
        Verb::Update => say(&commands::update(root)?),
        Verb::Run { arguments } => return engine(root, &arguments),
    }
    Ok(true)
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

fn check_once(root: &Path, what: Option<&str>, json: bool) -> Result<bool> {
    let mut green = true;
    let exercises = meant(root, what)?;
    if exercises.is_empty() {
        say("nothing is begun; cargo workbook start namespaces");
    }
    for exercise in exercises {
        let report = check::run(root, &exercise, Some(&exercise.id))?;
        green &= report.is_green();
        for outcome in &report.outcomes {
            if json {
                say(&serde_json::to_string(outcome)?);
                continue;
            }
            let word = match outcome.holds {
                Some(true) => "ok     ",
                Some(false) => "FAILED ",
                None => "skipped",
            };
            let why = outcome.skipped.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
            say(&format!("{word} {}: {}{why}", exercise.id, outcome.claim));
        }
        if !report.is_green() && !json {
            let said = report
                .said
                .lines()
                .filter(|line| !line.starts_with("note:") && !line.starts_with("error: test failed"));
            say(&said
                .take_while(|line| !line.starts_with("Caused by"))
                .map(|line| format!("        {line}\n"))
                .collect::<String>());
            say(&format!("        cargo workbook hint {}", exercise.id));
        }
    }
    Ok(green)
}

/// By polling: not every shared folder tells of changes.
fn watch(root: &Path, what: Option<&str>, json: bool) -> Result<()> {
    let mut seen = BTreeMap::new();
    loop {
        let now = times(root, &meant(root, what)?);
        if now != seen {
            seen = now;
            if let Err(error) = check_once(root, what, json) {
                say(&format!("{error:#}"));
            }
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn times(root: &Path, exercises: &[Exercise]) -> BTreeMap<PathBuf, Option<SystemTime>> {
    let time = |path: &Path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let paths = exercises.iter().map(|exercise| root.join(exercise.source()));
    paths.map(|path| (path.clone(), time(&path))).collect()
}

fn diff(root: &Path, exercise: &Exercise, reveal: bool) -> Result<bool> {
    if !reveal && !check::run(root, exercise, Some(&exercise.id))?.is_green() {
        say(&format!("{} does not pass yet; --reveal shows the reference all the same", exercise.id));
        return Ok(false);
    }
    let diff = commands::diff(root, exercise)?;
    say(if diff.is_empty() { "yours and the reference are the same" } else { &diff });
    Ok(true)
}

fn status(root: &Path) -> Result<()> {
    let all = commands::status(root)?;
    let mut floors: BTreeMap<String, Vec<Whose>> = BTreeMap::new();
    for (exercise, whose) in &all {
        say(&format!("{:<28} {:>3} min   {}", exercise.id, exercise.minutes, whose.word()));
        floors.entry(exercise.floor().to_owned()).or_default().push(*whose);
    }
    for (floor, whose) in floors {
        let yours = whose.iter().filter(|whose| **whose != Whose::Reference).count();
        let words = if yours == 0 { "reference".to_owned() } else { format!("yours, {yours} of {}", whose.len()) };
        say(&format!("floor {floor}: {words}"));
    }
    Ok(())
}

/// The engine, built from this tree.
fn engine(root: &Path, arguments: &[String]) -> Result<bool> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut run = Command::new(cargo);
    run.args(["run", "--quiet", "--manifest-path"]).arg(root.join("Cargo.toml")).arg("--").args(arguments);
    let status = run.status().context("start cargo")?;
    Ok(status.success())
}

/// The switches that chapters depend on, each with its fix.
fn doctor(root: &Path) -> Result<bool> {
    let mut well = true;
    let mut tell = |good: bool, name: &str, words: &str| {
        well &= good;
        say(&format!("{} {name:<18} {words}", if good { "ok     " } else { "MISSING" }));
    };
    let has = |program: &str| Command::new(program).arg("--help").output().is_ok();
    tell(has("git"), "git", "keeps the reference, and your work");
    tell(has("busybox"), "busybox", "is the checks' root; on Debian: apt-get install busybox-static");
    let user = Command::new("unshare").args(["--user", "--map-root-user", "true"]).output();
    let allowed = user.is_ok_and(|output| output.status.success());
    tell(allowed, "user namespaces", "if not: be root, or ask for sysctl user.max_user_namespaces and the like");
    let facts = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--quiet", "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .args(["--", "info"])
        .output()
        .context("start cargo")?;
    say(&String::from_utf8_lossy(&facts.stdout));
    Ok(well)
}
