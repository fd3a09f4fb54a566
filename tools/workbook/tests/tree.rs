//! What the tool does to a learner's tree: it never writes over work, keeps what it takes out, and brings a tree to a
//! newer commit by a three-way merge.

#![forbid(unsafe_code)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use workbook::{Whose, commands, table};

/// A place for trees, removed when dropped.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let place = Self(std::env::temp_dir().join(format!("conex-tree-{name}-{}", std::process::id())));
        fs::create_dir_all(&place.0).expect("made");
        place
    }

    /// A tree made from another, with an identity for its commits.
    fn tree(&self, from: &Path, name: &str) -> PathBuf {
        let tree = self.0.join(name);
        commands::new(from, &tree).expect("a tree");
        for (key, value) in [("user.name", "learner"), ("user.email", "learner@localhost")] {
            git(&tree, &["config", key, value]);
        }
        tree
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn source() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the root")
}

fn git(root: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(root).args(arguments).output().expect("git starts");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn whose(root: &Path, id: &str) -> Whose {
    commands::status(root).expect("a status").into_iter().find(|(one, _)| one.id == id).expect("it is listed").1
}

const ID: &str = "namespaces.pivot";
const FILE: &str = "chapters/01-namespaces/src/pivot.rs";
const WORK: &str = "\n    // half-done\n    let _ = (kernel, root);\n    todo!()\n";

#[test]
fn work_is_never_written_over_and_what_is_taken_out_is_kept() {
    let place = Place::new("work");
    let tree = place.tree(source(), "mine");
    let exercise = table::chosen(&tree, ID).expect("known").remove(0);
    assert_eq!(whose(&tree, ID), Whose::Reference);
    let card = commands::start(&tree, &exercise).expect("started");
    assert!(card.lines().all(|line| line.chars().count() <= 80), "{card}");
    assert_eq!(whose(&tree, ID), Whose::Blank);
    commands::start(&tree, &exercise).expect("again, as nothing was written");
    commands::write(&tree, &exercise, WORK).expect("written");
    assert_eq!(whose(&tree, ID), Whose::Yours);
    let refused = commands::start(&tree, &exercise).expect_err("there is work");
    assert!(refused.to_string().contains("holds work of yours"), "{refused}");
    assert!(commands::diff(&tree, &exercise).expect("a diff").contains("-    // half-done"));
    let saved = commands::reset(&tree, &exercise).expect("reset").expect("something was kept");
    assert_eq!(fs::read_to_string(saved).expect("kept"), WORK);
    assert_eq!(whose(&tree, ID), Whose::Reference);
    assert_eq!(commands::diff(&tree, &exercise).expect("a diff"), "");
    assert_eq!(git(&tree, &["status", "--porcelain"]), "");
    assert!(commands::new(source(), &tree).is_err(), "a directory that is there is not touched");
    assert!(table::chosen(&tree, "namespaces.nothing").is_err());
}

#[test]
fn a_file_that_is_no_rust_any_more_can_be_put_back_and_is_kept() {
    let place = Place::new("broken");
    let tree = place.tree(source(), "mine");
    let exercise = table::chosen(&tree, ID).expect("known").remove(0);
    let broken = fs::read_to_string(tree.join(FILE)).expect("a file") + "}\n";
    fs::write(tree.join(FILE), &broken).expect("written");
    assert_eq!(whose(&tree, ID), Whose::Yours);
    let refused = commands::start(&tree, &exercise).expect_err("nobody knows where the function is");
    assert!(format!("{refused:#}").contains("this is no Rust"), "{refused:#}");
    let saved = commands::reset(&tree, &exercise).expect("reset").expect("something was kept");
    assert_eq!(fs::read_to_string(saved).expect("kept"), broken);
    assert_eq!(git(&tree, &["status", "--porcelain"]), "");
}

#[test]
fn an_update_merges_and_shows_conflicts_and_loses_nothing() {
    let place = Place::new("update");
    let origin = place.tree(source(), "origin");
    let tree = place.tree(&origin, "mine");
    let exercise = table::chosen(&tree, ID).expect("known").remove(0);
    commands::start(&tree, &exercise).expect("started");
    commands::write(&tree, &exercise, WORK).expect("written");
    assert_eq!(commands::update(&tree).expect("nothing to do"), "this is the newest already");
    change(&origin, "README.md", |text| text + "\nMore.\n");
    commands::update(&tree).expect("merged");
    assert!(fs::read_to_string(tree.join("README.md")).expect("a file").ends_with("\nMore.\n"));
    assert_eq!(whose(&tree, ID), Whose::Yours);
    change(&origin, FILE, |text| text.replace("DetachOldRoot)", "DetachOldRoot) // newer"));
    let conflict = commands::update(&tree).expect_err("both changed the body");
    assert!(conflict.to_string().contains(FILE), "{conflict}");
    let text = fs::read_to_string(tree.join(FILE)).expect("a file");
    assert!(text.contains("<<<<<<<") && text.contains("// half-done") && text.contains("// newer"), "{text}");
}

fn change(root: &Path, file: &str, edit: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(root.join(file)).expect("a file");
    fs::write(root.join(file), edit(text)).expect("written");
    git(root, &["commit", "--quiet", "--all", "--message", "A change"]);
}
