//! The table of exercises: `exercises.toml` of every chapter, in order. What a learner is asked, and hints.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// One exercise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exercise {
    /// Stable: `FLOOR.NAME`.
    pub id: String,
    /// The source file, in the chapter's directory.
    pub file: PathBuf,
    /// What most learners need.
    pub minutes: u32,
    /// `root`, `user` or `either`.
    pub needs: String,
    /// What the empty function says.
    pub task: String,
    /// What it is about.
    pub target: String,
    /// What the learner changes.
    pub change: String,
    /// What stays.
    pub keep: String,
    /// What passing means.
    pub passing: String,
    /// What the empty function mentions besides its arguments, so that no helper of its own stands unused.
    #[serde(default)]
    pub uses: Vec<String>,
    /// From a nudge to nearly the answer.
    pub hints: [String; 3],
    /// What failing checks probably mean.
    pub look: Vec<Look>,
    /// The chapter's directory, from the root of the tree.
    #[serde(skip)]
    pub chapter: PathBuf,
}

/// The meaning of one failing check.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// The claim that does not hold.
    pub case: String,
    /// What is probably wrong.
    pub says: String,
}

/// A mistake, as a body: what a good programmer could write, and the checks catch.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mistake {
    /// The exercise's id.
    pub exercise: String,
    /// What it gets wrong.
    pub name: String,
    /// The function's body.
    pub body: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    exercise: Vec<Exercise>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mistakes {
    mistake: Vec<Mistake>,
}

impl Exercise {
    /// Its source file, from the root of the tree.
    pub fn source(&self) -> PathBuf {
        self.chapter.join(&self.file)
    }

    /// The floor that it is a part of.
    pub fn floor(&self) -> &str {
        self.id.split('.').next().unwrap_or(&self.id)
    }

    /// The package of its chapter.
    pub fn package(&self) -> String {
        format!("conex-{}", self.floor())
    }

    /// Mistakes that its checks catch: in a file of their own, `mistakes.toml`, since they give most of the answer away.
    pub fn mistakes(&self, root: &Path) -> Result<Vec<Mistake>> {
        let path = root.join(&self.chapter).join("mistakes.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let mistakes: Mistakes = toml::from_str(&text).with_context(|| format!("read {}", path.display()))?;
        Ok(mistakes.mistake.into_iter().filter(|mistake| mistake.exercise == self.id).collect())
    }
}

/// The chapters' directories from the root of the tree, in order.
pub fn chapters(root: &Path) -> Result<Vec<PathBuf>> {
    let chapters = root.join("chapters");
    let entries = fs::read_dir(&chapters).with_context(|| format!("list {}", chapters.display()))?;
    let mut directories: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| Path::new("chapters").join(entry.file_name()))
        .collect();
    directories.sort_unstable();
    Ok(directories)
}

/// All exercises of the tree at `root`.
pub fn all(root: &Path) -> Result<Vec<Exercise>> {
    let mut exercises = Vec::new();
    for chapter in chapters(root)? {
        let path = root.join(&chapter).join("exercises.toml");
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let table: Table = toml::from_str(&text).with_context(|| format!("read {}", path.display()))?;
        exercises.extend(table.exercise.into_iter().map(|exercise| Exercise { chapter: chapter.clone(), ..exercise }));
    }
    Ok(exercises)
}

/// Those that a word means: one by its id, or all of a floor by the floor's name.
pub fn chosen(root: &Path, word: &str) -> Result<Vec<Exercise>> {
    let all = all(root)?;
    let known: Vec<String> = all.iter().map(|exercise| exercise.id.clone()).collect();
    let chosen: Vec<Exercise> =
        all.into_iter().filter(|exercise| exercise.id == word || exercise.floor() == word).collect();
    if chosen.is_empty() {
        bail!("there is no exercise or chapter {word:?}; exercises are {}", known.join(", "));
    }
    Ok(chosen)
}
