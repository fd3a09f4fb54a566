//! Images to an archive, as `docker save` writes it since version 25: an OCI image layout, with docker's older lists
//! beside it, so that whoever reads either finds what he knows.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    path::PathBuf,
};

use serde_json::{Value, json};

use crate::{
    Descriptor, Digest, Document, Index, Manifest, Named, Platform, Result, Store,
    archiving::Archiving,
    document::written,
    entry::{Entry, Extent, Kind, Metadata},
    error::Doing,
    store::LAYOUT,
};

impl Store {
    /// Writes images, with all their blobs. Of an index, what is there is written.
    pub fn save(&self, images: &[Named], into: impl Write) -> Result<()> {
        let mut archive = Archiving::new(into);
        let mut blobs = BTreeMap::new();
        images.iter().try_for_each(|image| self.collect(&image.manifest, &mut blobs))?;
        for blob in blobs.values() {
            write(&mut archive, place(&blob.digest), blob.size, &mut self.blob(blob)?)?;
        }
        let lists = [
            ("index.json", written(&Index::new(images.iter().flat_map(entries).collect()))?),
            ("manifest.json", written(&self.manifests(images)?)?),
            ("oci-layout", LAYOUT.to_vec()),
            ("repositories", written(&self.repositories(images)?)?),
        ];
        for (name, bytes) in lists {
            write(&mut archive, name.into(), bytes.len() as u64, &mut bytes.as_slice())?;
        }
        archive.finish().and_then(|mut into| into.flush()).doing(|| "write the archive".into())
    }

    /// All blobs of an image, each once.
    fn collect(&self, named: &Descriptor, blobs: &mut BTreeMap<Digest, Descriptor>) -> Result<()> {
        blobs.insert(named.digest.clone(), named.clone());
        match Document::parse(&named.media_type, &self.read(named)?)? {
            Document::Manifest(Manifest { config, layers, .. }) => {
                blobs.extend(layers.into_iter().chain([config]).map(|part| (part.digest.clone(), part)));
                Ok(())
            }
            Document::Index(index) => {
                let mut there = index.manifests.iter().filter(|entry| self.has(entry) && self.check(entry).is_ok());
                there.try_for_each(|entry| self.collect(entry, blobs))
            }
        }
    }

    /// Docker's `manifest.json`.
    fn manifests(&self, images: &[Named]) -> Result<Vec<Value>> {
        let one = |image: &Named| {
            let (manifest, _) = self.image(&image.manifest, &Platform::here())?;
            let layers: Vec<PathBuf> = manifest.layers.iter().map(|layer| place(&layer.digest)).collect();
            Ok(json!({"Config": place(&manifest.config.digest), "RepoTags": image.names, "Layers": layers}))
        };
        images.iter().map(one).collect()
    }

    /// Docker's oldest list: repository, tag, and the topmost layer.
    fn repositories(&self, images: &[Named]) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
        let mut repositories: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for image in images {
            let (manifest, _) = self.image(&image.manifest, &Platform::here())?;
            let top = manifest.layers.last().unwrap_or(&manifest.config).digest.hex().to_owned();
            for (repository, tag) in image.names.iter().filter_map(|name| tagged(name)) {
                repositories.entry(repository.into()).or_default().insert(tag.into(), top.clone());
            }
        }
        Ok(repositories)
    }
}

/// What the layout's index says of an image: an entry for each of its names.
fn entries(image: &Named) -> Vec<Descriptor> {
    let named = |name: &String| {
        let tag = tagged(name).map_or(name.as_str(), |(_, tag)| tag);
        let annotations = [("io.containerd.image.name", name.as_str()), ("org.opencontainers.image.ref.name", tag)];
        let annotations = annotations.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Descriptor { annotations: Some(annotations.into()), ..image.manifest.clone() }
    };
    if image.names.is_empty() { vec![image.manifest.clone()] } else { image.names.iter().map(named).collect() }
}

/// A colon before the last slash belongs to a port.
fn tagged(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'))
}

fn place(digest: &Digest) -> PathBuf {
    PathBuf::from("blobs/sha256").join(digest.hex())
}

fn write(archive: &mut Archiving<impl Write>, path: PathBuf, size: u64, data: &mut dyn Read) -> Result<()> {
    let metadata = Metadata { mode: 0o644, ..Metadata::implied() };
    let doing = format!("write {} to the archive", path.display());
    let entry = Entry { path, kind: Kind::File(Extent::whole(size)), metadata };
    // To the very end, where a blob's reader tells whether it was right.
    archive.entry(&entry, data).and_then(|()| io::copy(data, &mut io::sink())).doing(|| doing).map(drop)
}
