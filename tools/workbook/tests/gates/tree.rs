//! A learner's tree of this very source, committed or not, in which cargo and the tool run as a learner runs them.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use workbook::{
    commands,
    table::{self, Exercise},
};

/// What a command gave.
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) status: i32,
}

/// Removed when dropped. There is one at a time. What it builds stays warm for the next try, but in CI, which has none.
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    _alone: File,
}

impl Tree {
    pub(crate) fn make() -> Self {
        fs::create_dir_all(env!("CARGO_TARGET_TMPDIR")).expect("made");
        let alone = File::create(place("lock")).expect("a lock");
        alone.lock().expect("alone");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the root");
        let root = place("tree");
        let _ = fs::remove_dir_all(&root);
        commands::new(source, &root).expect("a tree");
        bring_changes(source, &root);
        let tree = Self { root, _alone: alone };
        // Without the tool's own build, the first command would be that.
        let built = tree.cargo(&["build", "--quiet", "--package", "workbook"]);
        assert_eq!(built.status, 0, "{}", built.err);
        tree
    }

    /// As it was made, but for what is built: files that do not change stay as old as they are.
    pub(crate) fn renew(&self) {
        git(&self.root, &["reset", "--quiet", "--hard", "refs/workbook/base"]);
        git(&self.root, &["clean", "--quiet", "-d", "--force", "-x"]);
        let _ = fs::remove_dir_all(self.root.join(".git/workbook"));
    }

    /// All; or those of one floor, which CONEX_FLOOR names for whoever works on it.
    pub(crate) fn exercises(&self) -> Vec<Exercise> {
        let mut all = table::all(&self.root).expect("a table");
        if let Ok(floor) = std::env::var("CONEX_FLOOR") {
            all.retain(|exercise| exercise.floor() == floor);
        }
        all
    }

    /// Puts a body in an exercise's place.
    pub(crate) fn write(&self, exercise: &Exercise, body: &str) {
        commands::write(&self.root, exercise, body).expect("written");
    }

    /// Cargo in the tree.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Said {
        said(self.command(Path::new(env!("CARGO"))).args(arguments))
    }

    /// `cargo workbook ARGUMENTS…`.
    pub(crate) fn workbook(&self, arguments: &[&str]) -> Said {
        said(self.command(&self.tool()).args(arguments))
    }

    /// The tool as cargo has built it in the tree.
    pub(crate) fn tool(&self) -> PathBuf {
        place("target").join("debug/workbook")
    }

    /// A command with the tree's environment.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).env("CARGO", env!("CARGO")).env("CARGO_TARGET_DIR", place("target"));
        // A learner's shell has neither.
        command.env_remove("RUST_BACKTRACE").env_remove("CARGO_INCREMENTAL");
        // The engine's own state: a place below the tree, gone with it.
        command.env("CONEX_ROOT", self.root.join("state")).env("CONEX_RUN_ROOT", self.root.join("state/run"));
        command
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
        if std::env::var("CI").is_ok_and(|value| value == "true") {
            let _ = fs::remove_dir_all(place("target"));
        }
    }
}

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("learner-{name}"))
}

pub(crate) fn said(command: &mut Command) -> Said {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Said { out: text(output.stdout), err: text(output.stderr), status: output.status.code().unwrap_or(-1) }
}

/// What is not committed yet is what shall be tried.
fn bring_changes(source: &Path, root: &Path) {
    let changed = git(source, &["diff", "--name-only", "HEAD"]);
    let changed = changed + &git(source, &["ls-files", "--others", "--exclude-standard"]);
    for file in changed.lines() {
        let (from, to) = (source.join(file), root.join(file));
        if from.is_file() {
            fs::create_dir_all(to.parent().expect("a directory")).expect("made");
            fs::copy(from, to).expect("copied");
        } else {
            let _ = fs::remove_file(to);
        }
    }
    if !changed.is_empty() {
        let commit =
            ["-c", "user.name=gates", "-c", "user.email=gates@localhost", "commit", "--quiet", "-m", "changes"];
        git(root, &["add", "--all"]);
        git(root, &commit);
        git(root, &["update-ref", "refs/workbook/base", "HEAD"]);
    }
}

pub(crate) fn git(root: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(root).args(arguments).output().expect("git starts");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}
