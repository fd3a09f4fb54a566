//! Running an exercise's checks: cargo builds them as the user who asked, and runs them in throw-away hosts.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::table::Exercise;

/// What one check said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The exercise.
    pub exercise: String,
    /// The claim.
    pub claim: String,
    /// Whether it holds; `None` if it could not be tried here.
    pub holds: Option<bool>,
    /// Why it could not be tried.
    pub skipped: Option<String>,
}

/// All that a run of checks gave.
pub struct Report {
    /// In order.
    pub outcomes: Vec<Outcome>,
    /// What the checks, and a panicking function, wrote.
    pub said: String,
}

impl Report {
    /// Whether every claim holds and was tried.
    pub fn is_green(&self) -> bool {
        !self.outcomes.is_empty() && self.outcomes.iter().all(|outcome| outcome.holds == Some(true))
    }
}

/// Runs the checks of one exercise, or of all of a chapter where `id` is `None`.
pub fn run(root: &Path, exercise: &Exercise, id: Option<&str>) -> Result<Report> {
    let package = exercise.package();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["test", "--quiet", "--package", &package, "--test", "exercises", "--no-run"]);
    let built = cargo.stdin(Stdio::null()).output().context("start cargo")?;
    if !built.status.success() {
        bail!("your floor does not compile:\n{}", String::from_utf8_lossy(&built.stderr).trim());
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["test", "--quiet", "--package", &package, "--test", "exercises", "--"]);
    let output = cargo.args(id.map(|id| format!("{id}:"))).stdin(Stdio::null()).output().context("start cargo")?;
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let outcomes = lines.lines().filter_map(outcome).collect();
    Ok(Report { outcomes, said: String::from_utf8_lossy(&output.stderr).into_owned() })
}

/// From the test host's lines: `ok EXERCISE: CLAIM (12 ms)`, `FAILED …`, `skipped: EXERCISE: CLAIM: REASON`.
fn outcome(line: &str) -> Option<Outcome> {
    let (holds, rest) = match (line.strip_prefix("ok "), line.strip_prefix("FAILED "), line.strip_prefix("skipped: ")) {
        (Some(rest), ..) => (Some(true), rest),
        (_, Some(rest), _) => (Some(false), rest),
        (_, _, Some(rest)) => (None, rest),
        _ => return None,
    };
    let (exercise, rest) = rest.split_once(": ")?;
    let (claim, skipped) = match holds {
        None => rest.split_once(": ").map(|(claim, reason)| (claim, Some(reason.to_owned())))?,
        Some(_) => (rest.rsplit_once(" (").map_or(rest, |(claim, _)| claim), None),
    };
    Some(Outcome { exercise: exercise.to_owned(), claim: claim.to_owned(), holds, skipped })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_host_s_lines_are_outcomes() {
        let of = |line| outcome(line).map(|o| (o.exercise, o.claim, o.holds, o.skipped));
        let (id, claim) = ("a.b".to_owned(), "it (really) holds".to_owned());
        assert_eq!(of("ok a.b: it (really) holds (12 ms)"), Some((id.clone(), claim.clone(), Some(true), None)));
        let failed = of("FAILED a.b: it (really) holds (12 ms): exit status: 1");
        assert_eq!(failed, Some((id.clone(), claim.clone(), Some(false), None)));
        let skipped = of("skipped: a.b: it (really) holds: needs root");
        assert_eq!(skipped, Some((id, claim, None, Some("needs root".into()))));
        assert_eq!(of("1 passed, 0 failed, 0 skipped"), None);
    }
}
