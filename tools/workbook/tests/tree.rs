//! What the tool does to a learner's tree: it never writes over work, keeps what it takes out, and brings a tree to a
//! newer commit by a three-way merge.

#![forbid(unsafe_code)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use workbook::{Whose, commands, floor, hint, settle, table, update::update};

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
    assert_eq!(update(&tree).expect("nothing to do"), "this is the newest already");
    change(&origin, "README.md", |text| text + "\nMore.\n");
    update(&tree).expect("merged");
    assert!(fs::read_to_string(tree.join("README.md")).expect("a file").ends_with("\nMore.\n"));
    assert_eq!(whose(&tree, ID), Whose::Yours);
    change(&origin, FILE, |text| text.replace("DetachOldRoot)", "DetachOldRoot) // newer"));
    let conflict = update(&tree).expect_err("both changed the body");
    assert!(conflict.to_string().contains(FILE), "{conflict}");
    let text = fs::read_to_string(tree.join(FILE)).expect("a file");
    assert!(text.contains("<<<<<<<") && text.contains("// half-done") && text.contains("// newer"), "{text}");
}

#[test]
fn an_update_that_is_not_done_is_not_taken_for_done() {
    let place = Place::new("half");
    let origin = place.tree(source(), "origin");
    // Not what is fetched first, and not what a learner should get.
    git(&origin, &["branch", "another", "HEAD~1"]);
    let tree = place.tree(&origin, "mine");
    let exercise = table::chosen(&tree, ID).expect("known").remove(0);
    commands::start(&tree, &exercise).expect("started");
    commands::write(&tree, &exercise, WORK).expect("written");
    let newer = |text: String| text.replace("DetachOldRoot)", "DetachOldRoot) // newer");
    change(&origin, FILE, newer);
    update(&tree).expect_err("both changed the body");
    let refused = update(&tree).expect_err("the first one is not done").to_string();
    assert!(refused.contains("not done") && refused.contains(FILE), "{refused}");
    settle(&tree).expect("nothing to settle");
    git(&tree, &["merge", "--abort"]);
    assert_eq!(whose(&tree, ID), Whose::Yours);
    commands::reset(&tree, &exercise).expect("reset");
    assert!(!body(&tree).contains("// newer"), "the old reference is the reference still");
    commands::write(&tree, &exercise, WORK).expect("written");
    update(&tree).expect_err("both changed the body, as before");
    let mended = fs::read_to_string(tree.join(FILE)).expect("a file");
    let mended: Vec<&str> =
        mended.lines().filter(|line| !["<<<", "===", ">>>"].iter().any(|m| line.starts_with(m))).collect();
    fs::write(tree.join(FILE), mended.join("\n") + "\n").expect("written");
    git(&tree, &["commit", "--quiet", "--all", "--message", "Mended"]);
    settle(&tree).expect("settled");
    assert_eq!(update(&tree).expect("done"), "this is the newest already");
    commands::reset(&tree, &exercise).expect("reset");
    assert!(body(&tree).contains("// newer"), "the newer reference is the reference");
}

/// Method: a learner's branch that is pushed, as in a classroom, and so is its own upstream.
#[test]
fn what_a_learner_pushes_is_not_the_reference() {
    let place = Place::new("push");
    let tree = place.tree(source(), "mine");
    let bare = place.0.join("classroom.git");
    git(&place.0, &["init", "--quiet", "--bare", "classroom.git"]);
    let exercise = table::chosen(&tree, ID).expect("known").remove(0);
    commands::start(&tree, &exercise).expect("started");
    commands::write(&tree, &exercise, WORK).expect("written");
    git(&tree, &["commit", "--quiet", "--all", "--message", "Half done"]);
    git(&tree, &["push", "--quiet", "--set-upstream", &bare.to_string_lossy(), "mine"]);
    settle(&tree).expect("settled");
    assert_eq!(whose(&tree, ID), Whose::Yours);
    commands::reset(&tree, &exercise).expect("reset");
    assert!(body(&tree).contains("DetachOldRoot"), "the reference is what it was");
}

#[test]
fn hints_begin_anew_with_the_exercise() {
    let place = Place::new("hints");
    let tree = place.tree(source(), "mine");
    let exercise = table::chosen(&tree, ID).expect("known").remove(0);
    let begins = |level: Option<usize>, with: &str| {
        let hint = hint::hint(&tree, &exercise, level).expect("a hint");
        assert!(hint.starts_with(with), "{hint}");
    };
    begins(Some(2), "hint 2 of 3");
    begins(None, "hint 3 of 3");
    begins(None, "hint 3 of 3");
    commands::start(&tree, &exercise).expect("started");
    begins(Some(2), "hint 2 of 3");
    commands::reset(&tree, &exercise).expect("reset");
    let notes = fs::read_dir(tree.join(".git/workbook")).expect("notes").flatten();
    let counted = |name: String| name.ends_with(".hints");
    assert!(!notes.map(|entry| entry.file_name().to_string_lossy().into_owned()).any(counted), "forgotten");
}

#[test]
fn a_floor_that_is_changed_outside_of_its_exercises_is_the_learner_s_too() {
    let place = Place::new("floors");
    let tree = place.tree(source(), "mine");
    let told = || floor::floors(&tree).expect("floors").iter().map(ToString::to_string).collect::<Vec<_>>();
    // The first, and whether the others are the reference's.
    let told = || told().split_first().map(|(first, others)| (first.clone(), others.to_vec())).expect("floors");
    let (first, others) = told();
    assert_eq!(first, "namespaces: reference");
    assert!(others.len() >= 2 && others.iter().all(|floor| floor.ends_with(": reference")), "{others:?}");
    let exercise = table::chosen(&tree, ID).expect("known").remove(0);
    commands::start(&tree, &exercise).expect("started");
    assert_eq!(told(), ("namespaces: yours (1 of 6, 1 to do)".to_owned(), others.clone()));
    let file = tree.join("chapters/01-namespaces/src/id.rs");
    fs::write(&file, fs::read_to_string(&file).expect("a file") + "// mine\n").expect("written");
    assert_eq!(told(), ("namespaces: yours (1 of 6, 1 to do, and outside of exercises)".to_owned(), others.clone()));
    fs::write(tree.join("chapters/00-kernel/src/new.rs"), "// mine\n").expect("written");
    commands::reset(&tree, &exercise).expect("reset");
    let [kernel, namespaces] = ["kernel", "namespaces"].map(|floor| format!("{floor}: yours (outside of exercises)"));
    assert_eq!(told(), (kernel, [vec![namespaces], others].concat()));
}

#[test]
fn an_empty_function_stays_empty_however_rustfmt_lays_it_out() {
    let place = Place::new("format");
    let tree = place.tree(source(), "mine");
    let exercise = table::chosen(&tree, ID).expect("known").remove(0);
    commands::start(&tree, &exercise).expect("started");
    let laid_out = commands::body(&tree, &exercise)
        .expect("a body")
        .replace("todo!(", "todo!(\n        ")
        .replace("\")", "\",\n    )");
    commands::write(&tree, &exercise, &laid_out).expect("written");
    assert_eq!(whose(&tree, ID), Whose::Blank);
}

fn body(tree: &Path) -> String {
    let exercise = table::chosen(tree, ID).expect("known").remove(0);
    commands::body(tree, &exercise).expect("a body")
}

fn change(root: &Path, file: &str, edit: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(root.join(file)).expect("a file");
    fs::write(root.join(file), edit(text)).expect("written");
    git(root, &["commit", "--quiet", "--all", "--message", "A change"]);
}
