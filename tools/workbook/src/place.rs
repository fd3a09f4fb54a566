//! Whose code an exercise's function has: the reference's, none, or the learner's.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::{blank, git::reference, table::Exercise};

/// Whose body a function has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// As it was.
    Reference,
    /// Empty, to be written.
    Blank,
    /// Something else.
    Yours,
}

impl Whose {
    /// For lists.
    pub fn word(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Blank => "to do",
            Self::Yours => "yours",
        }
    }
}

/// An exercise's function in the tree, beside the reference.
pub(crate) struct Place {
    pub(crate) text: String,
    pub(crate) function: blank::Function,
    pub(crate) reference: String,
}

impl Place {
    /// Reads both.
    pub(crate) fn read(root: &Path, exercise: &Exercise) -> Result<Self> {
        let path = root.join(exercise.source());
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let function = blank::find(&text, &exercise.id).with_context(|| path.display().to_string())?;
        let original = reference(root, &exercise.source())?;
        let reference = blank::body(&original, &blank::find(&original, &exercise.id)?).to_owned();
        Ok(Self { text, function, reference })
    }

    /// The body as it is in the tree.
    pub(crate) fn body(&self) -> &str {
        blank::body(&self.text, &self.function)
    }

    /// Whose it is. Blanks do not count, nor does what rustfmt adds when it breaks a line.
    pub(crate) fn whose(&self, exercise: &Exercise) -> Whose {
        let bare = |text: &str| text.split_whitespace().collect::<String>().replace(",)", ")");
        let blank = blank::blank(&exercise.id, &self.function, &exercise.task, &exercise.uses);
        match bare(self.body()) {
            body if body == bare(&self.reference) => Whose::Reference,
            body if body == bare(&blank) => Whose::Blank,
            _ => Whose::Yours,
        }
    }

    /// Writes the file with another body.
    pub(crate) fn write(&self, root: &Path, exercise: &Exercise, body: &str) -> Result<()> {
        let path = root.join(exercise.source());
        let whole = blank::with_body(&self.text, &self.function, body);
        fs::write(&path, whole).with_context(|| format!("write {}", path.display()))
    }
}
