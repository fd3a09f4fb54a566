//! The table of exercises: `exercises.toml` of every chapter, in order. What a learner is asked, hints, and named mistakes.

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
    /// Mistakes that the checks catch.
    pub wrong: Vec<Wrong>,
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

/// A mistake, as a body.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wrong {
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
}

/// All exercises of the tree at `root`.
pub fn all(root: &Path) -> Result<Vec<Exercise>> {
    let chapters = root.join("chapters");
    let mut directories: Vec<PathBuf> = fs::read_dir(&chapters)
        .with_context(|| format!("list {}", chapters.display()))?
        .flatten()
        .map(|e| e.path())
        .collect();
    directories.sort_unstable();
    let mut exercises = Vec::new();
    for directory in directories {
        let path = directory.join("exercises.toml");
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let table: Table = toml::from_str(&text).with_context(|| format!("read {}", path.display()))?;
        let chapter = directory.strip_prefix(root).unwrap_or(&directory).to_owned();
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
