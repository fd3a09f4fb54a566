//! Hints: three for an exercise, each time the next. The first looks at what the checks find, and says what is probably
//! wrong.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{
    Whose,
    check::{self, Outcome},
    commands,
    git::notes,
    table::Exercise,
    text::wrapped,
};

/// The next hint, or the one of this level.
pub fn hint(root: &Path, exercise: &Exercise, level: Option<usize>) -> Result<String> {
    let level = level.unwrap_or(given(root, exercise)? + 1).clamp(1, exercise.hints.len());
    let mut text = wrapped(&format!("hint {level} of {}  ", exercise.hints.len()), &exercise.hints[level - 1]);
    if level == 1 {
        text += &look(root, exercise);
    }
    let count = counter(root, exercise)?;
    fs::write(&count, level.to_string()).with_context(|| format!("write {}", count.display()))?;
    Ok(text)
}

/// Begins with the first hint again.
pub(crate) fn forget(root: &Path, exercise: &Exercise) -> Result<()> {
    // What is not there is forgotten already.
    let _ = fs::remove_file(counter(root, exercise)?);
    Ok(())
}

/// How many hints were given since the exercise was begun.
fn given(root: &Path, exercise: &Exercise) -> Result<usize> {
    let text = fs::read_to_string(counter(root, exercise)?).unwrap_or_default();
    Ok(text.trim().parse().unwrap_or(0))
}

fn counter(root: &Path, exercise: &Exercise) -> Result<PathBuf> {
    Ok(notes(root)?.join(format!("{}.hints", exercise.id)))
}

/// What does not hold, what was seen in the kernel, and what that probably means. Where the checks can't run, that is
/// told instead: a hint is there for those who are stuck.
fn look(root: &Path, exercise: &Exercise) -> String {
    match check::run(root, std::slice::from_ref(exercise)) {
        Ok(report) if is_empty(root, exercise) => {
            let failing = report.outcomes.iter().filter(|outcome| outcome.holds == Some(false));
            failing.map(|outcome| told(outcome, EMPTY)).collect()
        }
        Ok(report) => {
            let failing = report.outcomes.iter().filter(|outcome| outcome.holds == Some(false));
            failing.map(|outcome| finding(exercise, outcome)).collect()
        }
        Err(error) => format!("\nthe checks can't run yet: {error:#}\n"),
    }
}

/// What each claim of an empty function means; what they would mean otherwise says too much to somebody who begins.
const EMPTY: &str = "the function is still empty: write it, and ask again.";

fn is_empty(root: &Path, exercise: &Exercise) -> bool {
    let status = commands::status(root).unwrap_or_default();
    status.iter().any(|(one, whose)| one.id == exercise.id && *whose == Whose::Blank)
}

fn finding(exercise: &Exercise, outcome: &Outcome) -> String {
    let look = exercise.look.iter().find(|look| look.case == outcome.claim);
    let says = look.map_or("this does not hold yet.", |look| look.says.as_str());
    match &outcome.reason {
        Some(reason) => told(outcome, &format!("it waits for what never comes: {reason}.")),
        None => told(outcome, says),
    }
}

fn told(outcome: &Outcome, probably: &str) -> String {
    let mut text = format!("\n{}", wrapped("fails    ", &outcome.claim));
    outcome.saw.iter().for_each(|saw| text += &wrapped("saw      ", saw));
    text + &wrapped("probably ", probably)
}
