//! Takes away what is not needed. What is needed its caller must know, and nobody may add anything meanwhile.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use conex_kernel::directory;
use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, fstat, openat, statat},
    io::Errno,
};

use crate::{Digest, Result, Store, error::Doing, maker, name::is_directory};

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
            // Under another name first: a layer that has its own is whole.
            let aside = self.layers.join(maker::new_name());
            fs::rename(path, &aside).doing(|| format!("take {} away", path.display()))?;
            bytes += directory::remove(CWD, aside.as_os_str()).doing(|| format!("remove {}", aside.display()))?;
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

/// The bytes of the files in a directory, each counted once, however many names it has. A container may write to it
/// meanwhile: what is gone when it is looked at does not count.
pub fn size(directory: &Path) -> Result<u64> {
    let mut measured = measure(directory);
    for _ in 1..TRIES_MAX {
        if measured.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::StaleNetworkFileHandle) {
            measured = measure(directory);
        }
    }
    measured.doing(|| format!("measure {}", directory.display()))
}

/// How often a directory may be moved while it is measured.
const TRIES_MAX: usize = 5;

/// However deep it is, it takes one descriptor at a time and no path. The way back is `..`, which leads to where we came
/// from, or else somebody moved a directory: then we must not go on, since we could be anywhere.
fn measure(top: &Path) -> io::Result<u64> {
    let open = |parent: BorrowedFd<'_>, name: &OsStr| {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(parent, name, flags, Mode::empty())
    };
    let number = |directory: &OwnedFd| fstat(directory).map(|stat| (stat.st_dev, stat.st_ino));
    let mut at = open(CWD, top.as_os_str())?;
    let (mut sum, mut linked) = (0, BTreeSet::new());
    let mut left = vec![(number(&at)?, directory::names(at.as_fd())?)];
    while let Some((_, names)) = left.last_mut() {
        let Some(name) = names.pop() else {
            left.pop();
            let Some((above, _)) = left.last() else { break };
            at = open(at.as_fd(), OsStr::new(".."))?;
            if number(&at)? != *above {
                return Err(io::ErrorKind::StaleNetworkFileHandle.into());
            }
            continue;
        };
        let stat = match statat(&at, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => continue,
            stat => stat?,
        };
        if is_directory(&stat) {
            at = match open(at.as_fd(), &name) {
                Err(Errno::NOENT | Errno::NOTDIR) => continue,
                opened => opened?,
            };
            left.push((number(&at)?, directory::names(at.as_fd())?));
        } else if stat.st_nlink == 1 || linked.insert(stat.st_ino) {
            sum += stat.st_size as u64;
        }
    }
    Ok(sum)
}
