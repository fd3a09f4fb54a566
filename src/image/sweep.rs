//! What no image and no container needs any more: blobs and layers. Looked for by what is needed, never by what was
//! removed, so that whatever a crash left goes, too.

use std::{collections::BTreeSet, fs::TryLockError, path::PathBuf};

use conex_image::{ChainId, Config, Digest};

use super::{Images, Removed, Unused, record::Record};
use crate::failure::{Failure, Result};

/// What has to stay.
#[derive(Default)]
struct Needed {
    blobs: BTreeSet<Digest>,
    /// Their directories.
    layers: BTreeSet<PathBuf>,
}

impl Images<'_> {
    /// Gives the room back; how many bytes. `None` while somebody else adds or uses an image: whoever comes next does it.
    pub(crate) fn sweep(self) -> Result<Option<u64>> {
        if self.is_alone()? { self.give_back().map(Some) } else { Ok(None) }
    }

    /// Takes away what nobody uses and is wanted: images without a name, or all that no container has; and gives their room
    /// back.
    /// `None` while somebody else adds an image, which has a record before it has a name.
    pub(crate) fn prune(
        self,
        which: Unused,
        wanted: impl Fn(&Record, &Config) -> bool,
    ) -> Result<Option<(Vec<Removed>, u64)>> {
        if !self.is_alone()? {
            return Ok(None);
        }
        let removed = self.forget_unused(which, wanted)?;
        Ok(Some((removed, self.give_back()?)))
    }

    fn is_alone(&self) -> Result<bool> {
        match self.shared.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(Failure::io("lock the images", &error)),
        }
    }

    fn give_back(&self) -> Result<u64> {
        let needed = self.needed()?;
        Ok(self.store.retain(&needed.blobs, &needed.layers)?)
    }

    fn needed(&self) -> Result<Needed> {
        let mut needed = Needed::default();
        for record in Record::all(self.paths)? {
            let (manifest, config) = self.documents(&record)?;
            needed.blobs.extend([record.manifest.digest, record.id]);
            needed.blobs.extend(manifest.layers.into_iter().map(|layer| layer.digest));
            needed.layers.extend(ChainId::of(&config.rootfs.diff_ids).iter().map(|id| self.store.layer(id)));
        }
        for entry in self.engine.list()? {
            // Of a record that can't be read nobody knows what it needs: everything stays.
            let choices =
                entry.choices.map_err(|failure| failure.with_hint(format!("conex rm -f {}", entry.id.short())))?;
            needed.layers.extend(choices.layers);
        }
        Ok(needed)
    }
}
