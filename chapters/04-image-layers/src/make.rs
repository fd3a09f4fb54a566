//! A layer made of what a container wrote: its upper directory as an archive, packed, in the store. The same directory
//! gives the same layer. See the OCI image specification, layer.md, "Change Types".

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    path::Path,
};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};

use crate::{
    Descriptor, Digest, Result, Store,
    archiving::Archiving,
    error::Doing,
    tree::{Reading, Tree},
};

const MEDIA_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// A new layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// As it is packed.
    pub blob: Descriptor,
    /// As it is unpacked.
    pub diff_id: Digest,
}

impl Store {
    /// Makes a layer of an upper directory, but for the paths in `skip`, from its root, and what lies below them.
    pub fn make(&self, upper: &Path, skip: &[&Path]) -> Result<Layer> {
        let root = File::open(upper).doing(|| format!("open {}", upper.display()))?;
        let packed = GzEncoder::new(self.ingest_unnamed(MEDIA_TYPE)?, Compression::new(6));
        let mut archive = Archiving::new(Hashing { into: packed, hasher: Sha256::new() });
        Tree::new(root.as_fd(), Reading::Upper { rights: self.rights, skip }).write(&mut archive)?;
        let Hashing { into, hasher } = archive.finish().doing(|| "write the layer".into())?;
        let blob = into.finish().doing(|| "write the layer".into())?.finish()?;
        Ok(Layer { blob, diff_id: Digest::from_hasher(hasher) })
    }
}

/// Hashes what passes.
struct Hashing<W> {
    into: W,
    hasher: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.into.write(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.into.flush()
    }
}
