//! What the tool does to a tree: each command a function of the tree's root and an exercise, and of nothing else.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    Whose,
    git::{BASE, changed, ensure_base, git, notes, reference},
    hint, ledger,
    place::Place,
    table::{self, Exercise},
    text::wrapped,
};

/// Empties the function, unless it is somebody's work; gives the card.
pub fn start(root: &Path, exercise: &Exercise) -> Result<String> {
    ensure_base(root)?;
    let place = Place::read(root, exercise)?;
    match place.whose(exercise) {
        Whose::Yours => {
            bail!("{0} holds work of yours, which stays; cargo workbook reset {0} puts it aside first", exercise.id)
        }
        Whose::Blank => {}
        Whose::Reference => {
            let blank = crate::blank::blank(&exercise.id, &place.function, &exercise.task, &exercise.uses);
            place.write(root, exercise, &blank)?;
            hint::forget(root, exercise)?;
        }
    }
    Ok(card(exercise))
}

/// An exercise on a card of 80 columns.
pub fn card(exercise: &Exercise) -> String {
    let Exercise { id, minutes, needs, target, change, keep, passing, .. } = exercise;
    let needs = match needs.as_str() {
        "either" => "as you are, root or not",
        "root" => "root",
        _ => "an ordinary user",
    };
    let mut card = format!("{id}   about {minutes} minutes, {needs}\n");
    let parts = [("target", target), ("change", change), ("keep", keep), ("passing", passing)];
    for (name, text) in parts {
        let _ = write!(card, "\n{}", wrapped(&format!("{name:<9}"), text));
    }
    let _ = write!(card, "\nrun      cargo workbook check {id}\n");
    card
}

/// The body that stands in the function's place.
pub fn body(root: &Path, exercise: &Exercise) -> Result<String> {
    Ok(Place::read(root, exercise)?.body().to_owned())
}

/// Puts a body in the function's place, whatever is there.
pub fn write(root: &Path, exercise: &Exercise, body: &str) -> Result<()> {
    Place::read(root, exercise)?.write(root, exercise, body)
}

/// Puts the reference back; work of the learner's is kept in the git directory, and its place is given. What a run of the
/// checks left in the kernel is undone.
pub fn reset(root: &Path, exercise: &Exercise) -> Result<Option<PathBuf>> {
    let _alone = ledger::alone(root)?;
    ledger::undo(root)?;
    hint::forget(root, exercise)?;
    let Ok(place) = Place::read(root, exercise) else {
        // Not Rust any more, so nobody can say where the function ends: the whole file is exchanged.
        let path = root.join(exercise.source());
        let saved = save(root, exercise, &fs::read_to_string(&path)?)?;
        fs::write(&path, reference(root, &exercise.source())?)?;
        return Ok(Some(saved));
    };
    let saved = match place.whose(exercise) {
        Whose::Yours => Some(save(root, exercise, place.body())?),
        Whose::Blank | Whose::Reference => None,
    };
    place.write(root, exercise, &place.reference.clone())?;
    Ok(saved)
}

fn save(root: &Path, exercise: &Exercise, body: &str) -> Result<PathBuf> {
    let notes = notes(root)?;
    let free = (1..).map(|number| notes.join(format!("{}.{number}.rs", exercise.id))).find(|path| !path.exists());
    let path = free.context("there is always one more number")?;
    fs::write(&path, body).with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}

/// Whose function each exercise has.
pub fn status(root: &Path) -> Result<Vec<(Exercise, Whose)>> {
    let changed = changed(root)?;
    let whose = |exercise: &Exercise| {
        if !changed.contains(&exercise.source()) {
            return Whose::Reference;
        }
        // What is no Rust, or has no such function any more, is the learner's: checking it shows what rustc says.
        Place::read(root, exercise).map_or(Whose::Yours, |place| place.whose(exercise))
    };
    Ok(table::all(root)?.into_iter().map(|exercise| (exercise.clone(), whose(&exercise))).collect())
}

/// The learner's body beside the reference, as `git diff` shows it; empty if they are the same.
pub fn diff(root: &Path, exercise: &Exercise) -> Result<String> {
    let place = Place::read(root, exercise)?;
    let notes = notes(root)?;
    let (yours, reference) = (notes.join("yours.rs"), notes.join("reference.rs"));
    fs::write(&yours, place.body()).and_then(|()| fs::write(&reference, &place.reference))?;
    let mut git = Command::new("git");
    let output =
        git.args(["diff", "--no-index", "--no-color"]).arg(&yours).arg(&reference).output().context("start git")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().skip_while(|line| !line.starts_with("@@")).map(|line| format!("{line}\n")).collect())
}

/// A tree of the learner's own: a clone with its own history, whose reference is the commit that it begins at.
pub fn new(root: &Path, directory: &Path) -> Result<()> {
    if directory.exists() {
        bail!("{} is there already; choose another name", directory.display());
    }
    let quiet = ["clone", "--quiet", "--no-hardlinks"];
    let from = root.to_string_lossy().into_owned();
    let to = directory.to_string_lossy().into_owned();
    git(root, &[&quiet[..], &[from.as_str(), to.as_str()]].concat())?;
    git(directory, &["checkout", "--quiet", "-B", "mine"])?;
    git(directory, &["update-ref", BASE, "HEAD"])?;
    Ok(())
}
