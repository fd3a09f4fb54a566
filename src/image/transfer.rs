//! Images from a registry and to one: which documents and blobs, in which order. How they travel is the client's.

use std::{
    collections::BTreeSet,
    io::{self, Read, Write},
    sync::Mutex,
    thread,
};

use conex_image::{Descriptor, Digest, Document, Ingest, Manifest, Platform, Store};

use super::{Images, Record};
use crate::{
    failure::{Failure, Result},
    registry::{Blob, Client, Progress, Reference, Repository, Served, Sink, Source, Version},
};

/// Hears what becomes of each blob.
pub(crate) trait Watch: Sync {
    /// It is on its way.
    fn begins(&self, blob: &Descriptor);
    /// So many bytes of it are over.
    fn so_far(&self, digest: &Digest, bytes: u64);
    /// It is there.
    fn ends(&self, blob: &Descriptor, how: How);
}

/// How a blob came to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// It was there already.
    Already,
    /// From another repository of the registry.
    Mounted,
    /// Byte by byte.
    Sent,
}

/// As many as docker's daemon takes at a time; and so many it gives.
const PULLS_AT_ONCE: usize = 3;
const PUSHES_AT_ONCE: usize = 5;

/// Brings an image, unpacks it and gives it its name; the digest of what the reference names: a manifest's, or an index's.
pub(crate) fn pull(
    images: &Images<'_>,
    client: &Client,
    reference: &Reference,
    platform: &Platform,
    watch: &dyn Watch,
) -> Result<Digest> {
    let repository = client.repository(reference);
    let named = repository.manifest(&reference.version())?;
    let digest = named.digest.clone();
    let (served, manifest) = one_image(&repository, named, platform)?;
    if !images.store.has(&manifest.config) {
        let config = repository.small_blob(&blob(&manifest.config))?;
        images.store.put(&manifest.config.media_type, &config)?;
    }
    at_once(PULLS_AT_ONCE, &each_once(&manifest.layers), |layer| bring(images, &repository, layer, watch))?;
    let manifest = images.store.put(&served.media_type, &served.bytes)?;
    let origin = format!("{}@{digest}", reference.familiar_name());
    let record = images.keep(&manifest, platform, Some(origin))?;
    if reference.tag().is_some() {
        images.name(&record, reference)?;
    }
    Ok(digest)
}

/// The manifest for such a machine; of an index, the one that it has for it.
fn one_image(repository: &Repository<'_>, served: Served, platform: &Platform) -> Result<(Served, Manifest)> {
    match Document::parse(&served.media_type, &served.bytes)? {
        Document::Manifest(manifest) => Ok((served, manifest)),
        Document::Index(index) => {
            let served = repository.manifest(&Version::Digest(index.choose(platform)?.digest.clone()))?;
            match Document::parse(&served.media_type, &served.bytes)? {
                Document::Manifest(manifest) => Ok((served, manifest)),
                Document::Index(_) => Err(Failure::new(format!("{repository}: an index in an index is no image"))),
            }
        }
    }
}

fn bring(images: &Images<'_>, repository: &Repository<'_>, layer: &Descriptor, watch: &dyn Watch) -> Result<()> {
    if images.store.has(layer) {
        watch.ends(layer, How::Already);
        return Ok(());
    }
    watch.begins(layer);
    let mut taking = Taking(images.store.ingest(layer)?);
    repository.blob(&blob(layer), &mut taking, &Watched(watch))?;
    taking.0.finish()?;
    watch.ends(layer, How::Sent);
    Ok(())
}

/// Brings an image to where the reference says; the digest of its manifest.
pub(crate) fn push(
    images: &Images<'_>,
    client: &Client,
    record: &Record,
    reference: &Reference,
    watch: &dyn Watch,
) -> Result<(Digest, u64)> {
    let repository = client.repository(reference);
    let (manifest, _) = images.documents(record)?;
    // Of the same registry, what its other repositories have need not be sent.
    let others = record.origins.iter().filter_map(|origin| origin.parse::<Reference>().ok());
    let others: Vec<Reference> = others.filter(|other| other.host() == reference.host()).collect();
    let blobs = [manifest.layers.as_slice(), std::slice::from_ref(&manifest.config)].concat();
    at_once(PUSHES_AT_ONCE, &each_once(&blobs), |blob| give(&images.store, &repository, &others, blob, watch))?;
    let bytes = images.store.read(&record.manifest)?;
    let digest = repository.put_manifest(&reference.version(), &record.manifest.media_type, &bytes)?;
    images.went_to(record, format!("{}@{digest}", reference.familiar_name()))?;
    Ok((digest, bytes.len() as u64))
}

fn give(
    store: &Store,
    repository: &Repository<'_>,
    others: &[Reference],
    part: &Descriptor,
    watch: &dyn Watch,
) -> Result<()> {
    watch.begins(part);
    let how = if repository.has_blob(&part.digest)? {
        How::Already
    } else if mounted(repository, others, part)? {
        How::Mounted
    } else {
        repository.upload_blob(&blob(part), &Stored { store, part }, &Watched(watch))?;
        How::Sent
    };
    watch.ends(part, how);
    Ok(())
}

fn mounted(repository: &Repository<'_>, others: &[Reference], part: &Descriptor) -> Result<bool> {
    for other in others {
        if repository.mount_blob(&part.digest, other.path())? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn blob(part: &Descriptor) -> Blob {
    Blob { digest: part.digest.clone(), size_bytes: part.size }
}

/// An image may have the same layer twice.
fn each_once(parts: &[Descriptor]) -> Vec<&Descriptor> {
    let mut seen = BTreeSet::new();
    parts.iter().filter(|part| seen.insert(&part.digest)).collect()
}

/// Does something with each, several at a time; after a failure nothing new is begun, and the first one is told.
fn at_once<T: Sync>(limit: usize, all: &[&T], act: impl Fn(&T) -> Result<()> + Sync) -> Result<()> {
    let left = Mutex::new((all.iter(), Ok(())));
    let work = || {
        loop {
            // A thread that panicked has told of it: nothing here is half changed.
            let next = left.lock().map_or(None, |mut left| left.0.next());
            let Some(next) = next else { return };
            if let (Err(failure), Ok(mut left)) = (act(next), left.lock()) {
                left.0 = [].iter();
                left.1 = std::mem::replace(&mut left.1, Ok(())).and(Err(failure));
            }
        }
    };
    thread::scope(|scope| (0..limit.min(all.len())).for_each(|_| drop(scope.spawn(work))));
    left.into_inner().map_or_else(|_| Err(Failure::new("a transfer panicked")), |(_, done)| done)
}

/// A blob on its way into the store.
struct Taking(Ingest);

impl Sink for Taking {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn written(&self) -> u64 {
        self.0.written()
    }
}

/// A blob of the store, on its way out.
struct Stored<'a> {
    store: &'a Store,
    part: &'a Descriptor,
}

impl Source for Stored<'_> {
    fn open(&self, from: u64) -> io::Result<Box<dyn Read + '_>> {
        let mut blob = self.store.blob(self.part).map_err(io::Error::other)?;
        // What is passed over is read, so that the whole can be verified.
        io::copy(&mut blob.by_ref().take(from), &mut io::sink())?;
        Ok(Box::new(blob))
    }
}

struct Watched<'a>(&'a dyn Watch);

impl Progress for Watched<'_> {
    fn so_far(&self, digest: &Digest, bytes: u64) {
        self.0.so_far(digest, bytes);
    }
}
