//! Images from an archive: what `docker save` writes, old and new, or a tar of an OCI image layout, packed or not. It is
//! read once, from its beginning to its end, so that it may come from a pipe.

use std::{
    collections::BTreeMap,
    io::{BufRead, Read},
    path::{Component, Path, PathBuf},
};

use serde::Deserialize;

use crate::{
    Config, Descriptor, Digest, Document, Error, Limits, Manifest, Result, Store,
    compression::{Compression, buffered, unpacked},
    document::{self, CONFIG, INDEX, LAYER, MANIFEST},
    entries::Entries,
    entry::{Entry, Extent, Kind},
    error::Doing,
    limits::DOCUMENT_BYTES_MAX,
    name::{Meaning, meaning},
};

/// An image, and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its names, just as the archive has them.
    pub names: Vec<String>,
    /// Its manifest, or an index of several.
    pub manifest: Descriptor,
}

/// What an archive has at a path.
enum Found {
    Blob(Descriptor),
    Text(Vec<u8>),
    /// The same as at another.
    Link(PathBuf),
}

/// One image of docker's `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: PathBuf,
    repo_tags: Option<Vec<String>>,
    layers: Vec<PathBuf>,
}

/// What says which images there are.
const LISTS: [&str; 3] = ["index.json", "manifest.json", "oci-layout"];

/// What docker wrote for versions that nobody has.
const OLD: [&str; 3] = ["repositories", "VERSION", "json"];

/// An image has some hundred parts.
const ENTRIES_MAX: u64 = 100_000;

/// A link to a link is what old archives have.
const LINKS_MAX: usize = 8;

impl Store {
    /// Takes in all images of an archive: their blobs are then in the store.
    pub fn load(&self, archive: impl Read, limits: &Limits) -> Result<Vec<Named>> {
        let mut source = buffered(archive);
        let packed = Compression::of_content(&mut source).doing(|| "read the archive".into())?;
        let source = buffered(unpacked(source, packed).doing(|| "begin to unpack".into())?);
        let mut entries = Entries::new(source, Limits { entries: limits.entries.min(ENTRIES_MAX), ..*limits });
        let mut found = Archive { store: self, files: BTreeMap::new() };
        while let Some(entry) = entries.next()? {
            found.take(&entry, &mut entries)?;
        }
        entries.finish()?;
        found.images()
    }

    /// Refuses an image of which something is missing. An index may lack what is for other machines.
    pub(crate) fn check(&self, named: &Descriptor) -> Result<()> {
        let Document::Manifest(manifest) = Document::parse(&named.media_type, &self.read(named)?)? else {
            return Ok(());
        };
        match manifest.layers.iter().chain([&manifest.config]).find(|part| !self.has(part)) {
            None => Ok(()),
            Some(part) => {
                Err(Error::document(format!("manifest {}", named.digest), format!("{} is missing", part.digest)))
            }
        }
    }
}

struct Archive<'a> {
    store: &'a Store,
    files: BTreeMap<PathBuf, Found>,
}

impl Archive<'_> {
    fn take<R: BufRead>(&mut self, entry: &Entry, data: &mut Entries<R>) -> Result<()> {
        let refused = |why: &str| Error::Entry { path: entry.path.clone(), why: why.to_owned() };
        let Meaning::Path(path) = meaning(&entry.path).map_err(refused)? else { return Ok(()) };
        let found = match &entry.kind {
            Kind::File(extent) if *extent != Extent::whole(extent.length) => return Err(refused("it has holes")),
            Kind::File(extent) if LISTS.iter().any(|list| path == Path::new(list)) => {
                if extent.length > DOCUMENT_BYTES_MAX {
                    return Err(refused("it is too large for a list of images"));
                }
                let mut text = Vec::new();
                data.copy(extent.length, &mut text)?;
                Found::Text(text)
            }
            Kind::File(_) if path.file_name().is_some_and(|name| OLD.iter().any(|old| name == *old)) => return Ok(()),
            Kind::File(extent) => Found::Blob(self.blob(&path, extent.length, data)?),
            Kind::Symlink(target) => Found::Link(joined(&path, target)),
            Kind::HardLink(other) => Found::Link(joined(Path::new("x"), other)),
            _ => return Ok(()),
        };
        self.files.insert(path, found);
        Ok(())
    }

    /// Into the store; where its name is a digest, only if that is right.
    fn blob<R: BufRead>(&self, path: &Path, size: u64, data: &mut Entries<R>) -> Result<Descriptor> {
        let digest = path.strip_prefix("blobs/sha256").ok().and_then(Path::to_str);
        let mut ingest = match digest.and_then(|hex| format!("sha256:{hex}").parse::<Digest>().ok()) {
            Some(digest) => self.store.ingest(&Descriptor::new("", digest, size))?,
            None => self.store.ingest_unnamed("")?,
        };
        data.copy(size, &mut ingest)?;
        ingest.finish()
    }

    fn images(&self) -> Result<Vec<Named>> {
        let text = |name: &str| match self.files.get(Path::new(name)) {
            Some(Found::Text(text)) => Some(text.as_slice()),
            _ => None,
        };
        match (text("index.json"), text("manifest.json")) {
            (Some(index), _) => self.of_layout(index),
            (None, Some(manifest)) => {
                let saved: Vec<Saved> = document::json("manifest.json", manifest)?;
                saved.iter().map(|image| self.of_docker(image)).collect()
            }
            (None, None) => {
                Err(Error::Archive("it has neither index.json nor manifest.json: it holds no image".into()))
            }
        }
    }

    /// The images that an OCI layout's index names.
    fn of_layout(&self, index: &[u8]) -> Result<Vec<Named>> {
        let Document::Index(index) = Document::parse(INDEX, index)? else { return Ok(Vec::new()) };
        let mut images: Vec<Named> = Vec::new();
        for entry in index.manifests {
            let said = |key: &str| entry.annotations.as_ref().and_then(|all| all.get(key)).cloned();
            let name = said("io.containerd.image.name").or_else(|| said("org.opencontainers.image.ref.name"));
            let manifest = Descriptor { annotations: None, ..entry };
            match images.iter_mut().find(|image| image.manifest.digest == manifest.digest) {
                Some(image) => image.names.extend(name),
                None => {
                    self.store.check(&manifest)?;
                    images.push(Named { names: name.into_iter().collect(), manifest });
                }
            }
        }
        Ok(images)
    }

    /// An image of docker's, which has no manifest but the one that we write.
    fn of_docker(&self, saved: &Saved) -> Result<Named> {
        let config = Descriptor { media_type: CONFIG.into(), ..self.at(&saved.config)?.clone() };
        Config::parse(&self.store.read(&config)?)?;
        let layer = |path: &PathBuf| {
            let blob = self.at(path)?;
            let mut content = buffered(self.store.verifying(blob)?.source);
            let suffix = match Compression::of_content(&mut content).doing(|| format!("read blob {}", blob.digest))? {
                Compression::Plain => "",
                Compression::Gzip => "+gzip",
                Compression::Zstd => "+zstd",
            };
            Ok(Descriptor { media_type: format!("{LAYER}{suffix}"), ..blob.clone() })
        };
        let layers = saved.layers.iter().map(layer).collect::<Result<_>>()?;
        let bytes = document::written(&Manifest::new(config, layers))?;
        let manifest = self.store.put(MANIFEST, &bytes)?;
        Ok(Named { names: saved.repo_tags.clone().unwrap_or_default(), manifest })
    }

    /// The blob at a path, by way of links.
    fn at(&self, path: &Path) -> Result<&Descriptor> {
        let mut at = joined(Path::new("x"), path);
        for _ in 0..LINKS_MAX {
            match self.files.get(&at) {
                Some(Found::Blob(blob)) => return Ok(blob),
                Some(Found::Link(other)) => at.clone_from(other),
                _ => break,
            }
        }
        Err(Error::document("manifest.json", format!("{} is not in the archive", path.display())))
    }
}

/// Where a link at `path` leads to, inside the archive.
fn joined(path: &Path, target: &Path) -> PathBuf {
    let mut joined = path.parent().unwrap_or(Path::new("")).to_owned();
    for component in target.components() {
        match component {
            Component::Normal(name) => joined.push(name),
            Component::ParentDir => _ = joined.pop(),
            Component::RootDir => joined.clear(),
            Component::CurDir | Component::Prefix(_) => {}
        }
    }
    joined
}
