//! What every exercise must pass before a learner meets it, tried in a learner's own tree with the learner's own tool.

#![forbid(unsafe_code)]

mod book;
mod contained;
mod leaks;
mod learner;
mod tree;

use serde_json::Value;
use tree::{Said, Tree, git};
use workbook::table::Exercise;

/// What a check said of one claim.
struct Outcome {
    exercise: String,
    claim: String,
    holds: Option<bool>,
    reason: Option<String>,
}

/// From `check --json`.
fn outcomes(said: &Said) -> Vec<Outcome> {
    let outcome = |line: &str| -> Outcome {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let text = |key: &str| value[key].as_str().expect("a text").to_owned();
        let reason = value["reason"].as_str().map(str::to_owned);
        Outcome { exercise: text("exercise"), claim: text("claim"), holds: value["holds"].as_bool(), reason }
    };
    let all: Vec<Outcome> = said.out.lines().map(outcome).collect();
    assert!(!all.is_empty(), "nothing was checked: {}", said.err);
    all
}

/// Method: each function is emptied by itself, then filled with each named mistake, then put back.
#[test]
fn an_empty_function_or_a_named_mistake_fails_its_own_checks_and_no_other() {
    let tree = Tree::make();
    let exercises = tree.exercises();
    assert!(exercises.len() >= 5, "chapter 1 alone has that many");
    for exercise in &exercises {
        emptied(&tree, exercise);
        let mistakes = exercise.mistakes(&tree.root).expect("a table");
        assert!(mistakes.len() >= 2, "{} has two named mistakes", exercise.id);
        for mistake in mistakes {
            tree.write(exercise, &format!("\n{}", mistake.body));
            let said = tree.workbook(&["check", "--json", &exercise.id]);
            assert_eq!(said.status, 1, "{}: not caught: {}: {}", exercise.id, mistake.name, said.err);
        }
        tree.workbook(&["reset", &exercise.id]);
        assert_eq!(git(&tree.root, &["status", "--porcelain"]), "", "{}: reset gives the reference back", exercise.id);
    }
    let floors: std::collections::BTreeSet<&str> = exercises.iter().map(Exercise::floor).collect();
    for floor in floors {
        let said = tree.workbook(&["check", floor]);
        assert_eq!(said.status, 0, "the reference passes: {}{}", said.out, said.err);
    }
}

fn emptied(tree: &Tree, exercise: &Exercise) {
    let id = &exercise.id;
    assert_eq!(tree.workbook(&["start", id]).status, 0);
    let built = tree.cargo(&["test", "--package", &exercise.package(), "--test", "exercises", "--no-run"]);
    assert_eq!(built.status, 0, "{id}: emptied, the tree compiles: {}", built.err);
    let warnings: Vec<&str> = built.err.lines().filter(|line| line.starts_with("warning")).collect();
    assert!(warnings.is_empty(), "{id}: emptied, it compiles without a warning: {warnings:?}");
    let said = tree.workbook(&["check", "--json", exercise.floor()]);
    let outcomes = outcomes(&said);
    for outcome in &outcomes {
        let own = &outcome.exercise == id;
        assert!(own || outcome.holds == Some(true), "{id} emptied fails {}: {}", outcome.exercise, outcome.claim);
        let explained = exercise.look.iter().any(|look| look.case == outcome.claim);
        assert!(!own || explained, "{id}: the first hint does not explain {:?}", outcome.claim);
    }
    assert!(outcomes.iter().any(|outcome| outcome.holds == Some(false)), "{id}: emptied, its checks fail");
}
