//! How much room a container takes, by the lengths of its files: what it wrote, and all that it sees.

use std::path::Path;

use crate::{Choices, Paths, Result};

/// Of one container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// What is its own.
    pub(super) own_bytes: u64,
    /// That, and what it shares with others.
    pub(super) whole_bytes: u64,
}

impl Room {
    /// Walks through all files.
    pub(super) fn of(paths: &Paths, choices: &Choices) -> Result<Self> {
        let id = choices.id()?;
        let size = |path: &Path| if path.is_dir() { conex_image::size(path) } else { Ok(0) };
        let (written, copied) = (size(&paths.upper(&id))?, size(&paths.copy(&id))?);
        let shared = match &choices.rootfs {
            Some(root) => size(root)?,
            // A copy has what its layers have.
            None if copied > 0 => 0,
            None => choices.layers.iter().map(|layer| size(layer)).sum::<conex_image::Result<u64>>()?,
        };
        let own_bytes = written + copied;
        Ok(Self { own_bytes, whole_bytes: own_bytes + shared })
    }
}
