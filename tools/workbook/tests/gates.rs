//! The gates of every exercise: emptied, the tree compiles without a warning, its own checks fail with the intended
//! message and nobody else's do; every named mistake is caught; what was emptied comes back as it was.
//!
//! Method: one tree made by `new`, with a target directory of its own that stays warm from one exercise to the next.

#![forbid(unsafe_code)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use workbook::{
    Whose, check, commands,
    table::{self, Exercise},
};

/// A learner's tree of this very source, committed or not, removed when dropped.
struct Tree(PathBuf);

impl Tree {
    fn make() -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the root");
        let place = std::env::temp_dir().join(format!("conex-gates-{}", std::process::id()));
        let tree = Self(place.clone());
        commands::new(source, &place).expect("a tree");
        // What is not committed yet is what shall be tried.
        let changed = git(source, &["ls-files", "--modified", "--others", "--exclude-standard"]);
        for file in changed.lines() {
            let (from, to) = (source.join(file), place.join(file));
            if from.is_file() {
                fs::create_dir_all(to.parent().expect("a directory")).expect("made");
                fs::copy(from, to).expect("copied");
            } else {
                let _ = fs::remove_file(to);
            }
        }
        if !changed.is_empty() {
            git(&place, &["add", "--all"]);
            git(
                &place,
                &["-c", "user.name=gates", "-c", "user.email=gates@localhost", "commit", "--quiet", "-m", "changes"],
            );
            git(&place, &["update-ref", "refs/workbook/base", "HEAD"]);
        }
        tree
    }

    fn write(&self, exercise: &Exercise, body: &str) {
        commands::write(&self.0, exercise, body).expect("written");
    }

    /// Warnings of a build of the floor and its checks.
    fn warnings(&self, exercise: &Exercise) -> String {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(&self.0).args(["test", "--package", &exercise.package(), "--test", "exercises", "--no-run"]);
        let output = cargo.output().expect("cargo starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        text.lines().filter(|line| line.starts_with("warning")).map(|line| format!("{line}\n")).collect()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn git(root: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(root).args(arguments).output().expect("git starts");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn every_exercise_can_be_emptied_failed_and_solved() {
    let tree = Tree::make();
    let exercises = table::all(&tree.0).expect("a table");
    assert!(exercises.len() >= 5, "chapter 1 alone has that many");
    for exercise in &exercises {
        emptied(&tree, exercise);
        for wrong in &exercise.wrong {
            tree.write(exercise, &format!("\n{}", wrong.body));
            let report = check::run(&tree.0, exercise, Some(&exercise.id)).expect("it compiles");
            assert!(!report.is_green(), "{}: the checks don't catch one that {}", exercise.id, wrong.name);
        }
        commands::reset(&tree.0, exercise).expect("reset");
        assert_eq!(git(&tree.0, &["status", "--porcelain"]), "", "{}: reset gives the reference back", exercise.id);
    }
    let all = check::run(&tree.0, &exercises[0], None).expect("it compiles");
    assert!(all.is_green(), "the reference passes: {:?}", all.outcomes);
}

fn emptied(tree: &Tree, exercise: &Exercise) {
    let id = &exercise.id;
    assert!(exercise.wrong.len() >= 2, "{id} has two named mistakes");
    commands::start(&tree.0, exercise).expect("started");
    let whose = commands::status(&tree.0).expect("a status");
    let blank: Vec<&String> =
        whose.iter().filter(|(_, whose)| *whose == Whose::Blank).map(|(one, _)| &one.id).collect();
    assert_eq!(blank, [id]);
    assert_eq!(tree.warnings(exercise), "", "{id}: emptied, the tree compiles without a warning");
    let report = check::run(&tree.0, exercise, None).expect("it compiles");
    let said = format!("{id}: {}; cargo workbook hint {id}", exercise.task);
    assert!(report.said.contains(&said), "{id}: the intended message is not in {}", report.said);
    for outcome in &report.outcomes {
        let own = &outcome.exercise == id;
        assert!(own || outcome.holds == Some(true), "{id} emptied fails {}: {}", outcome.exercise, outcome.claim);
    }
    let failing = report.outcomes.iter().filter(|outcome| outcome.holds == Some(false));
    assert!(failing.count() > 0, "{id}: emptied, its checks fail");
    let looks = |claim: &str| exercise.look.iter().any(|look| look.case == claim);
    let own = report.outcomes.iter().filter(|outcome| &outcome.exercise == id);
    own.for_each(|outcome| assert!(looks(&outcome.claim), "{id}: the first hint does not explain {:?}", outcome.claim));
}
