//! How much of an image is read before it is taken for an attack. Each limit is far above what honest images have.

/// What a layer may have. The defaults suit images of any size that people make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Headers in its archive.
    pub entries: u64,
    /// Bytes of a name in it, as the kernel's PATH_MAX.
    pub name_bytes: usize,
    /// Bytes of an extended header: names, attributes and maps of holes.
    pub header_bytes: u64,
    /// Bytes of memory for what is kept until a layer's end: the metadata of directories, and links to what comes later.
    pub held_bytes: u64,
    /// Bytes that it expands to.
    pub expanded_bytes: u64,
    /// Bytes that each of its bytes expands to, once they are many: a file of zeros is no attack.
    pub ratio: u64,
    /// From how many expanded bytes on the ratio counts.
    pub ratio_from_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 5_000_000,
            name_bytes: 4095,
            header_bytes: 1 << 20,
            held_bytes: 256 << 20,
            expanded_bytes: 256 << 30,
            // Programs reach 5, logs 30; gzip can't do better than 1,032, zstd can.
            ratio: 200,
            ratio_from_bytes: 1 << 30,
        }
    }
}

/// A document is kept in memory as a whole.
pub(crate) const DOCUMENT_BYTES_MAX: u64 = 4 << 20;
