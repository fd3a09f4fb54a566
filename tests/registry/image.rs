//! A small image: a config, one layer, and the manifest that names them.

use conex::registry::{Blob, Digest, Repository, Version};

/// OCI's name of a manifest.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

pub(crate) struct Image {
    pub(crate) config: Vec<u8>,
    pub(crate) layer: Vec<u8>,
    pub(crate) manifest: Vec<u8>,
}

impl Image {
    /// With a layer of so many bytes. It is no archive: nobody here unpacks it.
    pub(crate) fn new(layer_bytes: usize) -> Self {
        let layer = noise(layer_bytes);
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
            Digest::of(&layer)
        );
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":{}}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{}","size":{}}}]}}"#,
            Digest::of(config.as_bytes()),
            config.len(),
            Digest::of(&layer),
            layer.len()
        );
        Self { config: config.into(), layer, manifest: manifest.into() }
    }

    /// Pushes it with this tag.
    #[track_caller]
    pub(crate) fn push(&self, repository: &Repository, tag: &str) {
        for bytes in [&self.config, &self.layer] {
            repository.upload_blob(&blob(bytes), bytes, &()).expect("pushed");
        }
        let pushed = repository.put_manifest(&Version::Tag(tag.to_owned()), MANIFEST, &self.manifest).expect("pushed");
        assert_eq!(pushed, Digest::of(&self.manifest));
    }
}

pub(crate) fn blob(bytes: &[u8]) -> Blob {
    Blob { digest: Digest::of(bytes), size_bytes: bytes.len() as u64 }
}

/// Bytes that repeat only after a long time, the same in each run.
pub(crate) fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(count).collect()
}
