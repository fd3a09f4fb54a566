//! Takes away what is not needed. What is needed its caller must know, and nobody may add anything meanwhile.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use conex_kernel::directory;
use rustix::fs::CWD;

use crate::{Digest, Result, Store, error::Doing, maker};

impl Store {
    /// Removes all blobs and unpacked layers but these, and what was begun and never finished; how many bytes they had.
    pub fn retain(&self, blobs: &BTreeSet<Digest>, layers: &BTreeSet<PathBuf>) -> Result<u64> {
        let mut bytes = 0;
        let blobs: BTreeSet<PathBuf> = blobs.iter().map(|blob| self.path(blob)).collect();
        for path in named_by_digests(&self.blobs())?.difference(&blobs) {
            bytes += fs::metadata(path).map_or(0, |blob| blob.len());
            fs::remove_file(path).doing(|| format!("remove {}", path.display()))?;
        }
        for path in named_by_digests(&self.layers)?.difference(layers) {
            bytes += size(path)?;
            // Under another name first: a layer that has its own is whole.
            let aside = self.layers.join(maker::new_name());
            fs::rename(path, &aside).doing(|| format!("take {} away", path.display()))?;
            directory::remove(CWD, aside.as_os_str()).doing(|| format!("remove {}", aside.display()))?;
        }
        self.sweep()?;
        Ok(bytes)
    }
}

/// The paths of entries that bear a digest's digits.
fn named_by_digests(directory: &Path) -> Result<BTreeSet<PathBuf>> {
    let doing = || format!("list {}", directory.display());
    let is_digest = |name: &str| format!("sha256:{name}").parse::<Digest>().is_ok();
    let mut paths = BTreeSet::new();
    for entry in fs::read_dir(directory).doing(doing)? {
        let entry = entry.doing(doing)?;
        paths.extend(entry.file_name().to_str().is_some_and(is_digest).then(|| entry.path()));
    }
    Ok(paths)
}

/// The bytes of the files in a layer, each counted once, however many names it has.
pub fn size(layer: &Path) -> Result<u64> {
    let (mut sum, mut linked, mut left) = (0, BTreeSet::new(), vec![layer.to_owned()]);
    while let Some(directory) = left.pop() {
        let doing = || format!("measure {}", directory.display());
        for entry in fs::read_dir(&directory).doing(doing)? {
            let entry = entry.doing(doing)?;
            let metadata = entry.metadata().doing(doing)?;
            if metadata.is_dir() {
                left.push(entry.path());
            } else if metadata.nlink() == 1 || linked.insert(metadata.ino()) {
                sum += metadata.len();
            }
        }
    }
    Ok(sum)
}
