//! Whose each floor is: the reference's, or partly the learner's, in its exercises or elsewhere.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

use crate::{
    Whose, blank, commands,
    git::{changed, git, reference},
    table::{self, Exercise},
};

/// Whose a floor is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Floor {
    /// Such as `namespaces`.
    pub name: String,
    /// How many of its exercises hold something else than the reference.
    pub yours: usize,
    /// How many of those are empty.
    pub empty: usize,
    /// How many exercises it has.
    pub all: usize,
    /// Whether its source differs from the reference outside of exercises.
    pub changed: bool,
}

impl std::fmt::Display for Floor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, yours, empty, all, changed } = self;
        let exercises = match (yours, empty) {
            (0, _) => None,
            (_, 0) => Some(format!("{yours} of {all}")),
            _ => Some(format!("{yours} of {all}, {empty} to do")),
        };
        match (exercises, changed) {
            (None, false) => write!(f, "{name}: reference"),
            (None, true) => write!(f, "{name}: yours (outside of exercises)"),
            (Some(exercises), false) => write!(f, "{name}: yours ({exercises})"),
            (Some(exercises), true) => write!(f, "{name}: yours ({exercises}, and outside of exercises)"),
        }
    }
}

/// The floors that have exercises or a change, in order.
pub fn floors(root: &Path) -> Result<Vec<Floor>> {
    let (status, changed) = (commands::status(root)?, changed(root)?);
    let new = git(root, &["ls-files", "--others", "--exclude-standard", "--", "chapters"])?;
    let new: Vec<PathBuf> = new.lines().map(PathBuf::from).collect();
    let floors = table::chapters(root)?.into_iter().filter_map(|chapter| {
        let its: Vec<&(Exercise, Whose)> = status.iter().filter(|(exercise, _)| exercise.chapter == chapter).collect();
        let exercises: Vec<&Exercise> = its.iter().map(|(exercise, _)| exercise).collect();
        let is_source = |file: &&PathBuf| file.starts_with(chapter.join("src"));
        let same = |file: &PathBuf| only_bodies_differ(root, file, &exercises).unwrap_or(false);
        // Apart from the bodies of exercises.
        let changed = new.iter().any(|file| is_source(&file)) || !changed.iter().filter(is_source).all(same);
        let count = |is: fn(Whose) -> bool| its.iter().filter(|(_, whose)| is(*whose)).count();
        let yours = count(|whose| whose != Whose::Reference);
        let floor = Floor {
            name: name(root, &chapter),
            yours,
            empty: count(|whose| whose == Whose::Blank),
            all: its.len(),
            changed,
        };
        (floor.all > 0 || changed).then_some(floor)
    });
    Ok(floors.collect())
}

/// The name of a chapter's floor, which is that of its package: `overlay` of `chapters/03-union-mount`.
fn name(root: &Path, chapter: &Path) -> String {
    let manifest = fs::read_to_string(root.join(chapter).join("Cargo.toml")).unwrap_or_default();
    let name = manifest.lines().find_map(|line| line.strip_prefix("name = \"conex-"));
    name.map_or_else(|| chapter.display().to_string(), |name| name.trim_end_matches('"').to_owned())
}

/// Whether a file is the reference's once the exercises' bodies are. What is no Rust any more is told by the exercise.
fn only_bodies_differ(root: &Path, file: &Path, exercises: &[&Exercise]) -> Result<bool> {
    let (mut text, original) = (fs::read_to_string(root.join(file))?, reference(root, file)?);
    for exercise in exercises.iter().filter(|exercise| exercise.source() == file) {
        let Ok(function) = blank::find(&text, &exercise.id) else { return Ok(true) };
        text = blank::with_body(&text, &function, blank::body(&original, &blank::find(&original, &exercise.id)?));
    }
    Ok(text == original)
}
