//! How long a learner waits after an edit: for the check, and for the engine on the edited floor. Medians of several edits
//! in a warm tree; the target for the check is five seconds on two cores.

#![forbid(unsafe_code)]

#[allow(dead_code, reason = "the gates use the rest")]
#[path = "../tests/gates/tree.rs"]
mod tree;

use std::time::{Duration, Instant};

use tree::Tree;

const EDITS: u32 = 7;

fn main() {
    let tree = Tree::make();
    let file = tree.root.join("chapters/01-namespaces/src/pivot.rs");
    let original = std::fs::read_to_string(&file).expect("the reference");
    let edit = |number: u32| {
        let edited =
            original.replacen("PivotRoot { root })?;", &format!("PivotRoot {{ root }})?; // edit {number}"), 1);
        assert_ne!(edited, original, "there is a line to edit");
        std::fs::write(&file, edited).expect("written");
    };
    for (what, arguments) in [("check", &["check", "namespaces.pivot"][..]), ("engine", &["run", "--", "version"])] {
        let cold = timed(&tree, arguments);
        let warm = (0..EDITS).map(|number| {
            edit(number);
            timed(&tree, arguments)
        });
        let mut warm: Vec<Duration> = warm.collect();
        warm.sort_unstable();
        let median = warm[warm.len() / 2];
        testkit::say(&format!(
            "{what:<7} first {:>5.1} s, after an edit {:>5.2} s",
            cold.as_secs_f64(),
            median.as_secs_f64()
        ));
    }
}

fn timed(tree: &Tree, arguments: &[&str]) -> Duration {
    let started = Instant::now();
    let said = tree.workbook(arguments);
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    started.elapsed()
}
