//! The store: images as they came, in an OCI image layout, and their layers unpacked. A reader sees a blob or a layer
//! whole or not at all. Not here: names of images, locks, and what is no longer needed. See the OCI image
//! specification, image-layout.md.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read},
    os::{fd::AsFd, unix::fs::DirBuilderExt},
    path::{Path, PathBuf},
};

use conex_kernel::directory;
use rustix::fs::{CWD, syncfs};

use crate::{
    ChainId, Config, Descriptor, Digest, Document, Error, Ingest, Manifest, Platform, Result,
    document::{CONFIG, MANIFEST, written},
    error::Doing,
    limits::DOCUMENT_BYTES_MAX,
    maker,
    rights::Rights,
    verifying::{Length, Verifying},
};

/// Blobs and unpacked layers, in two directories.
#[derive(Clone, Debug)]
pub struct Store {
    /// Has `oci-layout` and `blobs/sha256/HEX`.
    pub(crate) images: PathBuf,
    /// Has a directory for each chain id.
    pub(crate) layers: PathBuf,
    pub(crate) rights: Rights,
}

const LAYOUT_FILE: &str = "oci-layout";
pub(crate) const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// An index may name indexes, but no honest one goes deeper.
const INDEX_DEPTH_MAX: usize = 3;

impl Store {
    /// The store in these directories, which are made where they are missing.
    pub fn open(images: &Path, layers: &Path) -> Result<Self> {
        let store = Self { images: images.into(), layers: layers.into(), rights: Rights::probe() };
        for directory in [&store.blobs(), layers] {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
            made.doing(|| format!("make {}", directory.display()))?;
        }
        let layout = images.join(LAYOUT_FILE);
        if !layout.exists() {
            let aside = images.join(maker::new_name());
            let made = fs::write(&aside, LAYOUT).and_then(|()| fs::rename(&aside, &layout));
            made.doing(|| format!("make {}", layout.display()))?;
        }
        Ok(store)
    }

    /// Where blobs are.
    pub(crate) fn blobs(&self) -> PathBuf {
        self.images.join("blobs/sha256")
    }

    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    /// Where the layer of this name is, or would be, unpacked.
    #[must_use]
    pub fn layer(&self, id: &ChainId) -> PathBuf {
        self.layers.join(id.hex())
    }

    /// Whether a blob is there, in its full length.
    #[must_use]
    pub fn has(&self, blob: &Descriptor) -> bool {
        self.path(&blob.digest).metadata().is_ok_and(|found| found.is_file() && found.len() == blob.size)
    }

    /// Begins to take in a blob whose name is known.
    pub fn ingest(&self, blob: &Descriptor) -> Result<Ingest> {
        Ingest::begin(self.blobs(), blob.media_type.clone(), Some((blob.digest.clone(), blob.size)))
    }

    /// Begins to take in a blob whose name nobody knows yet.
    pub fn ingest_unnamed(&self, media_type: &str) -> Result<Ingest> {
        Ingest::begin(self.blobs(), media_type.to_owned(), None)
    }

    /// Takes in bytes of ours.
    pub fn put(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor> {
        let mut ingest = self.ingest(&Descriptor::of(media_type, bytes))?;
        io::Write::write_all(&mut ingest, bytes).doing(|| "write a blob".into())?;
        ingest.finish()
    }

    /// The bytes of a manifest, an index or a config, just as they came.
    pub fn read(&self, document: &Descriptor) -> Result<Vec<u8>> {
        let what = format!("blob {}", document.digest);
        if document.size > DOCUMENT_BYTES_MAX {
            let why = format!("it has {} bytes, and {DOCUMENT_BYTES_MAX} are accepted", document.size);
            return Err(Error::document(what, why));
        }
        let mut bytes = Vec::new();
        self.blob(document)?.read_to_end(&mut bytes).doing(|| format!("read {what}"))?;
        Ok(bytes)
    }

    /// The bytes of any blob: an error at their end if they are not what its digest says.
    pub fn blob(&self, blob: &Descriptor) -> Result<impl Read + Send + use<>> {
        self.verifying(blob)
    }

    pub(crate) fn verifying(&self, blob: &Descriptor) -> Result<Verifying<File>> {
        let file = File::open(self.path(&blob.digest)).doing(|| format!("open blob {}", blob.digest))?;
        Ok(Verifying::new(file, format!("blob {}", blob.digest), blob.digest.clone(), Length::Exactly(blob.size)))
    }

    /// Takes in a new image whose layers are here; its manifest.
    pub fn put_image(&self, config: &Config, layers: Vec<Descriptor>) -> Result<Descriptor> {
        let config = self.put(CONFIG, &written(config)?)?;
        self.put(MANIFEST, &written(&Manifest::new(config, layers))?)
    }

    /// The image that `named` stands for on such a machine. All its documents must be there; its layers need not.
    pub fn image(&self, named: &Descriptor, platform: &Platform) -> Result<(Manifest, Config)> {
        let (_, manifest) = self.manifest(named, platform)?;
        let config = self.config(&manifest)?;
        Ok((manifest, config))
    }

    /// The config that a manifest names.
    pub fn config(&self, manifest: &Manifest) -> Result<Config> {
        Config::parse(&self.read(&manifest.config)?)
    }

    /// The manifest that `named` stands for: itself, or that of an index for such a machine.
    pub fn manifest(&self, named: &Descriptor, platform: &Platform) -> Result<(Descriptor, Manifest)> {
        let mut named = named.clone();
        for _ in 0..INDEX_DEPTH_MAX {
            match Document::parse(&named.media_type, &self.read(&named)?)? {
                Document::Manifest(manifest) => return Ok((named, manifest)),
                Document::Index(index) => named = index.choose(platform)?.clone(),
            }
        }
        Err(Error::document(format!("index {}", named.digest), "it names an index that names an index"))
    }

    /// Writes all that was taken in to the disk: before the name of an image is written down.
    pub fn sync(&self) -> Result<()> {
        sync(&self.blobs())
    }

    /// Removes what was begun by processes that are gone.
    pub fn sweep(&self) -> Result<()> {
        for directory in [self.images.clone(), self.blobs(), self.layers.clone()] {
            let doing = || format!("sweep {}", directory.display());
            let opened = File::open(&directory).doing(doing)?;
            for entry in fs::read_dir(&directory).doing(doing)? {
                let name = entry.doing(doing)?.file_name();
                if name.to_str().is_some_and(maker::is_abandoned) {
                    directory::remove(opened.as_fd(), &name).doing(|| format!("remove {}", name.display()))?;
                }
            }
        }
        Ok(())
    }
}

/// Writes all of the directory's file system to the disk.
pub(crate) fn sync(directory: &Path) -> Result<()> {
    use rustix::fs::{Mode, OFlags, openat};

    let opened = openat(CWD, directory, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    opened.and_then(syncfs).doing(|| format!("sync {}", directory.display()))
}
