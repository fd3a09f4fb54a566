//! Running an exercise's checks: cargo builds them as the user who asked, and they run in throw-away hosts.

use std::{collections::BTreeSet, path::Path, process::Command};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::{built, ledger, output, table::Exercise};

/// What one check said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The exercise.
    pub exercise: String,
    /// The claim.
    pub claim: String,
    /// Whether it holds; `None` if it could not be tried here.
    pub holds: Option<bool>,
    /// Why it could not be tried, or was ended; none where the function itself failed, which says so by itself.
    pub reason: Option<String>,
    /// What it found in the running kernel.
    pub saw: Vec<String>,
}

/// All that a run of checks gave.
pub struct Report {
    /// In order.
    pub outcomes: Vec<Outcome>,
    /// What the checks, and a panicking function, wrote.
    pub said: String,
    /// Whether every run of the checks came to its end and called it a success.
    pub passed: bool,
}

impl Report {
    /// Whether every claim holds and was tried.
    pub fn is_green(&self) -> bool {
        self.passed && !self.outcomes.is_empty() && self.outcomes.iter().all(|outcome| outcome.holds == Some(true))
    }
}

/// Runs the checks of these exercises, chapter by chapter. What a run before this one left in the kernel is undone first.
pub fn run(root: &Path, exercises: &[Exercise]) -> Result<Report> {
    let mut report = Report { outcomes: Vec::new(), said: String::new(), passed: true };
    for together in exercises.chunk_by(|one, next| one.chapter == next.chapter && one.needs == next.needs) {
        run_together(root, together, &mut report)?;
    }
    Ok(report)
}

/// Exercises of one chapter that need the same rights.
fn run_together(root: &Path, exercises: &[Exercise], report: &mut Report) -> Result<()> {
    let [first, ..] = exercises else { return Ok(()) };
    let package = first.package();
    let arguments = ["test", "--no-run", "--package", &package, "--test", "exercises"];
    let checker = built::program(root, &arguments, "exercises")?;
    let _alone = ledger::alone(root)?;
    ledger::undo(root)?;
    let mut command = if first.needs == "root" { built::as_root(&checker) } else { Command::new(&checker) };
    command.current_dir(root).env("RUST_BACKTRACE", "0").arg(format!("--ledger={}", ledger::path(root)?.display()));
    command.args(exercises.iter().map(|exercise| format!("{}:", exercise.id)));
    let output = output::of(&mut command).with_context(|| format!("start {}", checker.display()))?;
    let (outcomes, printed) = outcomes(&output.out);
    let said = panics(&(printed + &output.err));
    for exercise in exercises {
        if !outcomes.iter().any(|outcome| outcome.exercise == exercise.id) {
            bail!("the checks of {} told nothing:\n{said}", exercise.id);
        }
    }
    report.outcomes.extend(outcomes);
    report.said += &said;
    report.passed &= output.status.success();
    Ok(())
}

/// What was written, with each panic on one line that begins with its place, and once: several checks may meet the same.
fn panics(said: &str) -> String {
    let mut paragraphs: Vec<String> = Vec::new();
    let mut in_panic = false;
    for line in said.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("note: run with")) {
        match line.strip_prefix("thread '").and_then(|rest| rest.split_once("panicked at ")) {
            Some((_, place)) => {
                paragraphs.push(place.to_owned());
                in_panic = true;
            }
            None if in_panic => {
                paragraphs.last_mut().into_iter().for_each(|last| *last += &format!(" {}", line.trim()))
            }
            None => paragraphs.push(line.to_owned()),
        }
    }
    let mut seen = BTreeSet::new();
    paragraphs.retain(|paragraph| seen.insert(paragraph.clone()));
    paragraphs.join("\n")
}

/// From the test host's lines; what was seen stands before the verdict. The other lines are what a function printed.
fn outcomes(lines: &str) -> (Vec<Outcome>, String) {
    let (mut outcomes, mut saw, mut printed) = (Vec::new(), Vec::new(), String::new());
    for line in lines.lines() {
        if let Some(text) = line.strip_prefix("saw: ") {
            saw.push(text.to_owned());
        } else if let Some(outcome) = outcome(line) {
            outcomes.push(Outcome { saw: std::mem::take(&mut saw), ..outcome });
        } else if !line.is_empty() && !is_sum(line) {
            printed += &format!("{line}\n");
        }
    }
    (outcomes, printed)
}

/// Whether it is the last line, `2 passed, 0 failed, 0 skipped`.
fn is_sum(line: &str) -> bool {
    line.contains(" passed, ") && line.ends_with(" skipped")
}

/// From the test host's lines: `ok EXERCISE: CLAIM (12 ms)`, `FAILED EXERCISE: CLAIM (12 ms): REASON`,
/// `skipped: EXERCISE: CLAIM: REASON`.
fn outcome(line: &str) -> Option<Outcome> {
    let (holds, rest) = match (line.strip_prefix("ok "), line.strip_prefix("FAILED "), line.strip_prefix("skipped: ")) {
        (Some(rest), ..) => (Some(true), rest),
        (_, Some(rest), _) => (Some(false), rest),
        (_, _, Some(rest)) => (None, rest),
        _ => return None,
    };
    let (exercise, rest) = rest.split_once(": ")?;
    let (claim, reason) = match holds {
        None => rest.split_once(": ")?,
        Some(_) => {
            let (claim, reason) = rest.rsplit_once(" ms)")?;
            (claim.rsplit_once(" (")?.0, reason.trim_start_matches(": "))
        }
    };
    // That a check's process ended with a failure says no more than the verdict.
    let reason = Some(reason).filter(|reason| !reason.is_empty() && !reason.starts_with("exit status"));
    let (exercise, claim, reason) = (exercise.to_owned(), claim.to_owned(), reason.map(str::to_owned));
    Some(Outcome { exercise, claim, holds, reason, saw: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_host_s_lines_are_outcomes() {
        let of = |line| outcome(line).map(|o| (o.exercise, o.claim, o.holds, o.reason));
        let (id, claim) = ("a.b".to_owned(), "it (really) holds".to_owned());
        assert_eq!(of("ok a.b: it (really) holds (12 ms)"), Some((id.clone(), claim.clone(), Some(true), None)));
        let failed = of("FAILED a.b: it (really) holds (12 ms): exit status: 1");
        assert_eq!(failed, Some((id.clone(), claim.clone(), Some(false), None)));
        let hung = of("FAILED a.b: it (really) holds (5003 ms): still running after 5 s");
        assert_eq!(hung, Some((id.clone(), claim.clone(), Some(false), Some("still running after 5 s".into()))));
        let skipped = of("skipped: a.b: it (really) holds: needs root");
        assert_eq!(skipped, Some((id, claim, None, Some("needs root".into()))));
        assert_eq!(of("1 passed, 0 failed, 0 skipped"), None);
    }

    #[test]
    fn a_panic_is_one_line_and_told_once() {
        let panic = "\nthread 'main' (3) panicked at a.rs:1:2:\nleft\n right\nnote: run with `RUST_BACKTRACE=1`\n";
        assert_eq!(panics(&panic.repeat(2)), "a.rs:1:2: left right");
        assert_eq!(panics("a\nb\n"), "a\nb");
    }

    #[test]
    fn what_was_seen_belongs_to_the_verdict_behind_it() {
        let lines = "saw: a\nsaw: b\nmine\nok x.y: one (1 ms)\nFAILED x.y: two (1 ms): exit status: 1\n";
        let (all, printed) = outcomes(&format!("{lines}1 passed, 1 failed, 0 skipped\n"));
        assert_eq!(all.iter().map(|one| one.saw.len()).collect::<Vec<_>>(), [2, 0]);
        assert_eq!(printed, "mine\n", "what a function printed");
    }
}
