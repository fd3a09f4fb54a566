//! What the checks must catch: the empty function, and what a good programmer could get wrong in it.

use crate::{outcomes, tree::Tree};
use workbook::table::{Exercise, Mistake};

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

/// Each named mistake is red. One of each exercise stands in the tree at a time, to be built together: that no check meets
/// another exercise's function, the empty ones have shown.
pub(crate) fn caught(tree: &Tree, floor: &[Exercise]) {
    let mistakes = |exercise: &Exercise| exercise.mistakes(&tree.root).expect("a table");
    let mut left: Vec<_> = floor.iter().map(|exercise| (exercise, mistakes(exercise).into_iter())).collect();
    for (exercise, mistakes) in &left {
        assert!(mistakes.len() >= 2, "{} has two named mistakes", exercise.id);
    }
    loop {
        let next = left.iter_mut().filter_map(|(exercise, mistakes)| Some((*exercise, mistakes.next()?)));
        let together: Vec<(&Exercise, Mistake)> = next.collect();
        if together.is_empty() {
            return;
        }
        for (exercise, mistake) in &together {
            tree.write(exercise, &format!("\n{}", mistake.body));
        }
        for (exercise, mistake) in together {
            let said = tree.workbook(&["check", "--json", &exercise.id]);
            assert_eq!(said.status, 1, "{}: not caught: {}: {}", exercise.id, mistake.name, said.err);
        }
    }
}
