//! A layer from an archive that somebody else made: kept as it is, packed or not.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use crate::{
    Descriptor, Digest, Layer, Limits, Result, Store,
    compression::{Compression, buffered, unpacked},
    document::LAYER,
    error::Doing,
};

impl Store {
    /// Takes in a tar as a layer. What is in it is looked at when it is unpacked.
    pub fn import(&self, archive: impl Read, limits: &Limits) -> Result<Layer> {
        let mut archive = buffered(archive);
        let packed = Compression::of_content(&mut archive).doing(|| "read the archive".into())?;
        let mut ingest = self.ingest_unnamed(media_type(packed))?;
        io::copy(&mut archive, &mut ingest).doing(|| "take in the archive".into())?;
        let blob = ingest.finish()?;
        let diff_id = self.diff_id(&blob, packed, limits)?;
        Ok(Layer { blob, diff_id })
    }

    fn diff_id(&self, blob: &Descriptor, packed: Compression, limits: &Limits) -> Result<Digest> {
        let source = buffered(self.verifying(blob)?);
        let unpacked = unpacked(source, packed).doing(|| "begin to unpack".into())?;
        let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 17]);
        let mut bounded = unpacked.take(limits.expanded_bytes);
        loop {
            match bounded.read(&mut buffer).doing(|| "unpack the archive".into())? {
                0 => return Ok(Digest::from_hasher(hasher)),
                count => hasher.update(&buffer[..count]),
            }
        }
    }
}

fn media_type(packed: Compression) -> &'static str {
    match packed {
        Compression::Plain => LAYER,
        Compression::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
        Compression::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
    }
}
