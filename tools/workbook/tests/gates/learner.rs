//! What a learner does, from the empty function to the engine on a floor of one's own, and what a learner gets wrong.

use std::time::Instant;

use serde_json::Value;
use testkit::Fingerprint;

use crate::{
    mistakes,
    tree::{Said, Tree, git},
};
use workbook::table::Exercise;

/// Method: one exercise after the other, then the engine on all of a floor, then its mistakes. The reference's body is what
/// the learner writes, with one comment more, so that it counts as the learner's; the next exercise's checks try it too.
pub(crate) fn to_the_engine(tree: &Tree) {
    let exercises = tree.exercises();
    assert!(exercises.len() >= 5, "chapter 1 alone has that many");
    let before = Fingerprint::take(&[]);
    for floor in exercises.chunk_by(|one, next| one.floor() == next.floor()) {
        for (done, exercise) in floor.iter().enumerate() {
            timed(&exercise.id, || walk(tree, exercise, done));
        }
        let name = floor[0].floor();
        timed(name, || green(tree, floor));
        timed(&format!("{name}, mistakes"), || mistakes::caught(tree, floor));
        tree.workbook(&["reset", name]);
        assert_eq!(git(&tree.root, &["status", "--porcelain", "--", "chapters"]), "", "{name}: the reference is back");
    }
    assert_same_machine(&before);
}

fn timed(what: &str, walk: impl FnOnce()) {
    let started = Instant::now();
    walk();
    testkit::say(&format!("{what}: {:.1} s", started.elapsed().as_secs_f64()));
}

/// The machine's mounts, links and cgroups; its processes come and go.
pub(crate) fn assert_same_machine(before: &Fingerprint) {
    let differences = before.differences(&Fingerprint::take(&[]));
    let ours = |line: &&String| ["mount ", "link ", "cgroup "].iter().any(|kind| line[2..].starts_with(kind));
    let left: Vec<&String> = differences.iter().filter(ours).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// From empty to written, with this many of the floor's others done.
fn walk(tree: &Tree, exercise: &Exercise, done: usize) {
    let id = exercise.id.as_str();
    let solution = own(tree, exercise);
    let card = plain(tree.workbook(&["start", id]), 0);
    for part in ["target ", "change ", "keep ", "run ", "passing ", "minutes"] {
        assert!(card.contains(part), "{id}: the card has no {part}: {card}");
    }
    mistakes::emptied(tree, exercise);
    let red = plain(tree.workbook(&["check", id]), 1);
    let intended = format!("{id}: {}; cargo workbook hint {id}", exercise.task);
    assert!(one_line(&red).contains(&intended), "{id}: the intended message is not in {red}");
    let whose = format!("{}: yours ({} of ", exercise.floor(), done + 1);
    assert!(red.contains("floors  ") && one_line(&red).contains(&whose), "{red}");
    let hint = plain(tree.workbook(&["hint", id]), 0);
    assert!(hint.starts_with("hint 1 of 3") && hint.contains("probably "), "{hint}");
    assert!(plain(tree.workbook(&["hint", id]), 0).starts_with("hint 2 of 3"));
    tree.write(exercise, &solution);
}

/// All exercises of a floor are the learner's: what was begun passes, and the engine runs on what the checks have built.
fn green(tree: &Tree, floor: &[Exercise]) {
    let name = floor[0].floor();
    let green = plain(tree.workbook(&["check"]), 0);
    assert!(green.lines().all(|line| line.starts_with("ok ") || line.starts_with("  ")), "{green}");
    let whose = format!("floor {name}: yours ({0} of {0})", floor.len());
    assert!(plain(tree.workbook(&["status"]), 0).contains(&whose), "{name}");
    for Exercise { id, .. } in floor {
        assert!(one_line(&green).contains(&format!("ok {id}: ")), "{id} was begun, and not checked: {green}");
        let diff = tree.workbook(&["diff", id]);
        assert!(diff.status == 0 && diff.out.contains("-    // mine"), "{id}: {}{}", diff.out, diff.err);
    }
    engine(tree, name);
}

fn engine(tree: &Tree, name: &str) {
    let built = tree.cargo(&["build", "--package", "conex", "--bin", "conex", "--message-format=json"]);
    assert!(is_fresh(&built.out, name), "{name}: the engine builds it again, with other features");
    let info = tree.workbook(&["run", "--", "info"]);
    assert!(info.out.contains(&format!("yours: {name}; the others: reference")), "{name}: {}{}", info.out, info.err);
    let run = tree.workbook(&["run", "--", "run", "--rm", "starter", "sh", "-c", "echo on $$; exit 7"]);
    assert_eq!((run.out.as_str(), run.status), ("on 1\n", 7), "{name}: the engine on this floor: {}", run.err);
}

/// The reference's body with a comment at its beginning.
fn own(tree: &Tree, exercise: &Exercise) -> String {
    format!("\n    // mine{}", workbook::commands::body(&tree.root, exercise).expect("a body"))
}

/// Whether the build that these messages of cargo's tell of found a floor's library built already.
fn is_fresh(messages: &str, floor: &str) -> bool {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut libraries = messages.filter(|message| message["target"]["name"] == format!("conex_{floor}"));
    libraries.any(|message| message["fresh"] == true)
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
