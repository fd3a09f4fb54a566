//! Layers of an image, unpacked: each that is not there yet by a thread, finished in order, and renamed to its chain id
//! when all of it is on the disk. Of several who unpack the same, one wins, and all use the result.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::{fd::OwnedFd, unix::fs::DirBuilderExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use conex_kernel::directory;
use rustix::{fs::CWD, process::Pid, thread::gettid};

use crate::{
    ChainId, Config, Descriptor, Digest, Error, Limits, Manifest, Result, Store,
    compression::{Compression, buffered, unpacked},
    document::check_layer,
    entries::Entries,
    error::{Doing, Limit},
    growing::Growing,
    maker,
    store::sync,
    verifying::{Length, Verifying},
};

/// A directory beside the layers that goes away with this.
pub struct Making {
    path: PathBuf,
}

impl Making {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        // What stays is swept later: its name tells who made it. After a rename there is nothing.
        let _ = directory::remove(CWD, self.path.as_os_str());
    }
}

/// A layer that is still to be made, and where it will be.
struct Missing<'a> {
    at: usize,
    layer: &'a Descriptor,
    diff_id: &'a Digest,
}

impl Store {
    /// The directories of an image's layers, the lowest first; those that are missing are made from their blobs.
    pub fn unpack(&self, manifest: &Manifest, config: &Config, limits: &Limits) -> Result<Vec<PathBuf>> {
        let diff_ids = &config.rootfs.diff_ids;
        if manifest.layers.len() != diff_ids.len() {
            let why = format!("it has {} layers, and its config names {}", manifest.layers.len(), diff_ids.len());
            return Err(Error::document("the image's manifest", why));
        }
        let places: Vec<PathBuf> = ChainId::of(diff_ids).iter().map(|id| self.layer(id)).collect();
        let all = manifest.layers.iter().zip(diff_ids).enumerate();
        let all = all.map(|(at, (layer, diff_id))| Missing { at, layer, diff_id });
        let missing: Vec<Missing<'_>> = all.filter(|layer| !places[layer.at].is_dir()).collect();
        let grown = self.grow_all(&missing, limits)?;

        // Where each is for now, so that those above find it.
        let mut now = places.clone();
        let mut made = Vec::new();
        for (layer, (making, growing)) in missing.iter().zip(grown) {
            growing.finish(&now[..layer.at])?;
            now[layer.at].clone_from(&making.path);
            made.push((making, &places[layer.at]));
        }
        if !made.is_empty() {
            sync(&self.layers)?;
        }
        made.into_iter().try_for_each(|(making, place)| rename(&making.path, place))?;
        Ok(places)
    }

    /// Applies each to a directory of its own; as many at a time as there are processors.
    fn grow_all(&self, missing: &[Missing<'_>], limits: &Limits) -> Result<Vec<(Making, Growing)>> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            while let Some(layer) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                let grown = self.grow(layer, limits);
                if grown.is_err() {
                    // Nobody needs the others now.
                    next.store(missing.len(), Ordering::Relaxed);
                }
                done.push((layer.at, grown));
            }
            (gettid(), done)
        };
        let threads = thread::available_parallelism().map_or(1, usize::from).min(missing.len());
        let mut grown = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let join = |worker: thread::ScopedJoinHandle<'_, _>| {
                let (thread, done) = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                wait_for_the_end_of(thread);
                done
            };
            workers.into_iter().flat_map(join).collect::<Vec<_>>()
        });
        grown.sort_unstable_by_key(|(at, _)| *at);
        grown.into_iter().map(|(_, grown)| grown).collect()
    }

    /// In one pass: read, hash, inflate, hash, apply.
    fn grow(&self, layer: &Missing<'_>, limits: &Limits) -> Result<(Making, Growing)> {
        check_layer(layer.layer)?;
        let making = self.making()?;
        let mut growing = Growing::new(open(&making.path)?, self.rights, limits.held_bytes);
        let mut blob = buffered(self.verifying(layer.layer)?);
        let content = Compression::of_content(&mut blob).doing(|| format!("read layer {}", layer.diff_id))?;
        let unpacked = unpacked(&mut blob, content).doing(|| "begin to unpack".into())?;
        let what = format!("layer {}, unpacked", layer.layer.digest);
        let tar = Verifying::new(unpacked, what, layer.diff_id.clone(), expanded(layer.layer.size, limits));
        let mut archive = Entries::new(buffered(tar), *limits);
        let applied = growing.apply(&mut archive).and_then(|()| archive.finish());
        // To the blob's end, whether or not whoever unpacked it went there.
        let read = io::copy(&mut blob, &mut io::sink()).doing(|| format!("read blob {}", layer.layer.digest));
        // A blob that is not what it should be explains whatever else is wrong.
        match (applied, read) {
            (_, Err(wrong @ (Error::WrongDigest { .. } | Error::WrongSize { .. }))) => Err(wrong),
            (applied, read) => applied.and(read.map(drop)).map(|()| (making, growing)),
        }
    }

    /// A new, empty directory, for what shall become a layer.
    pub fn making(&self) -> Result<Making> {
        let path = self.layers.join(maker::new_name());
        DirBuilder::new().mode(0o700).create(&path).doing(|| format!("make {}", path.display()))?;
        Ok(Making { path })
    }
}

/// How much a layer may expand to.
fn expanded(size: u64, limits: &Limits) -> Length {
    let by_ratio = size.saturating_mul(limits.ratio).max(limits.ratio_from_bytes);
    if by_ratio < limits.expanded_bytes {
        return Length::AtMost(by_ratio, Limit::Ratio { ratio: limits.ratio, size });
    }
    Length::AtMost(limits.expanded_bytes, Limit::Expanded(limits.expanded_bytes))
}

/// Who was joined has let go of all that is ours, but the kernel may count him for a moment more: and nobody may clone a
/// process of several threads.
fn wait_for_the_end_of(thread: Pid) {
    const TRIES_MAX: u32 = 10_000;
    let task = PathBuf::from(format!("/proc/self/task/{}", thread.as_raw_nonzero()));
    for _ in 0..TRIES_MAX {
        if !task.exists() {
            return;
        }
        thread::sleep(Duration::from_micros(100));
    }
}

fn open(directory: &Path) -> Result<OwnedFd> {
    File::open(directory).map(OwnedFd::from).doing(|| format!("open {}", directory.display()))
}

/// Somebody else may have been faster: theirs is the same.
fn rename(made: &Path, place: &Path) -> Result<()> {
    match fs::rename(made, place) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EEXIST | libc::ENOTEMPTY)) => Ok(()),
        renamed => renamed.doing(|| format!("rename a layer to {}", place.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_ended_is_not_counted_any_more() {
        let counted = |thread: Pid| Path::new("/proc/self/task").join(thread.as_raw_nonzero().to_string()).exists();
        for _ in 0..2_000 {
            let ended = thread::spawn(gettid).join().expect("it ends");
            wait_for_the_end_of(ended);
            assert!(!counted(ended));
        }
    }
}
