//! What a learner does, exercise by exercise, from the empty function to the engine on a floor of one's own.

use std::time::Instant;

use testkit::Fingerprint;

use crate::tree::{Said, Tree, git};
use workbook::table::Exercise;

/// Method: the reference's body is what the learner writes, with one comment more, so that it counts as the learner's.
#[test]
fn every_exercise_leads_from_red_by_a_hint_to_green_and_to_the_engine_on_that_floor() {
    let tree = Tree::make();
    let before = Fingerprint::take(&[]);
    for exercise in tree.exercises() {
        let started = Instant::now();
        walk(&tree, &exercise);
        testkit::say(&format!("{}: walked in {:.1} s", exercise.id, started.elapsed().as_secs_f64()));
    }
    assert_same_machine(&before);
}

/// The machine's mounts, links and cgroups; its processes come and go.
pub(crate) fn assert_same_machine(before: &Fingerprint) {
    let differences = before.differences(&Fingerprint::take(&[]));
    let ours = |line: &&String| ["mount ", "link ", "cgroup "].iter().any(|kind| line[2..].starts_with(kind));
    let left: Vec<&String> = differences.iter().filter(ours).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

fn walk(tree: &Tree, exercise: &Exercise) {
    let id = exercise.id.as_str();
    let file = exercise.source();
    let solution = std::fs::read_to_string(tree.root.join(&file)).expect("the reference");
    let card = plain(tree.workbook(&["start", id]), 0);
    for part in ["target ", "change ", "keep ", "run ", "passing ", "minutes"] {
        assert!(card.contains(part), "{id}: the card has no {part}: {card}");
    }
    let red = plain(tree.workbook(&["check", id]), 1);
    let intended = format!("{id}: {}; cargo workbook hint {id}", exercise.task);
    assert!(one_line(&red).contains(&intended), "{id}: the intended message is not in {red}");
    assert!(red.contains("floors  ") && one_line(&red).contains(": yours (1 of "), "{red}");
    let hint = plain(tree.workbook(&["hint", id]), 0);
    assert!(hint.starts_with("hint 1 of 3") && hint.contains("probably "), "{hint}");
    assert!(plain(tree.workbook(&["hint", id]), 0).starts_with("hint 2 of 3"));
    write_own(tree, exercise, &solution);
    let green = plain(tree.workbook(&["check"]), 0);
    assert!(green.lines().all(|line| line.starts_with("ok ") || line.starts_with("  ")), "{id}: {green}");
    let diff = tree.workbook(&["diff", id]);
    assert!(diff.status == 0 && diff.out.contains("-    // mine"), "{id}: {}{}", diff.out, diff.err);
    let floor = exercise.floor();
    assert!(plain(tree.workbook(&["status"]), 0).contains(&format!("floor {floor}: yours (1 of ")));
    let info = tree.workbook(&["run", "--", "info"]);
    assert!(info.out.contains(&format!("yours: {floor}; the others: reference")), "{id}: {}{}", info.out, info.err);
    let run = tree.workbook(&["run", "--", "run", "--rm", "starter", "sh", "-c", "echo on $$; exit 7"]);
    assert_eq!((run.out.as_str(), run.status), ("on 1\n", 7), "{id}: the engine on this floor: {}", run.err);
    tree.workbook(&["reset", id]);
    assert_eq!(git(&tree.root, &["status", "--porcelain", "--", "chapters"]), "");
}

/// The reference with a comment at the beginning of the body.
fn write_own(tree: &Tree, exercise: &Exercise, solution: &str) {
    std::fs::write(tree.root.join(exercise.source()), solution).expect("written");
    let body = workbook::commands::body(&tree.root, exercise).expect("a body");
    tree.write(exercise, &format!("\n    // mine{body}"));
}

/// The output of a command that gave this status: without colour, at most 80 columns, and readable without box drawings.
fn plain(said: Said, status: i32) -> String {
    assert_eq!(said.status, status, "{}{}", said.out, said.err);
    for line in said.out.lines().chain(said.err.lines()) {
        assert!(line.chars().count() <= 80, "more than 80 columns: {line}");
        let drawn = |c: char| c == '\u{1b}' || ('\u{2500}'..='\u{259f}').contains(&c);
        assert!(!line.contains(drawn), "colour or drawings: {line:?}");
    }
    said.out
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
