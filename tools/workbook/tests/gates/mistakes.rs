//! What the checks must catch: the empty function, and what a good programmer could get wrong in it.

use crate::{outcomes, tree::Tree};
use workbook::table::Exercise;

/// An exercise that was started compiles without a warning and fails its own checks, as the first hint expects, and no
/// other's.
pub(crate) fn emptied(tree: &Tree, exercise: &Exercise) {
    let id = &exercise.id;
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

/// Each named mistake is red.
pub(crate) fn caught(tree: &Tree, exercise: &Exercise) {
    let mistakes = exercise.mistakes(&tree.root).expect("a table");
    assert!(mistakes.len() >= 2, "{} has two named mistakes", exercise.id);
    for mistake in mistakes {
        tree.write(exercise, &format!("\n{}", mistake.body));
        let said = tree.workbook(&["check", "--json", &exercise.id]);
        assert_eq!(said.status, 1, "{}: not caught: {}: {}", exercise.id, mistake.name, said.err);
    }
}
