//! How a layer is packed: told by its first bytes, and held to what its media type says. See RFC 1952 and RFC 8878.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

/// How content is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    /// Not at all.
    Plain,
    /// By gzip, in one member or many.
    Gzip,
    /// By zstd, in one frame or many.
    Zstd,
}

/// As much as is read at a time: less makes hashing and inflating slower.
pub(crate) const BUFFER_BYTES: usize = 1 << 16;

/// The window that a decoder may keep, as the command zstd has it: 128 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

impl Compression {
    /// What content says of itself by its first bytes.
    pub(crate) fn of_content(source: &mut impl BufRead) -> io::Result<Self> {
        let start = source.fill_buf()?;
        Ok(match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::Plain,
        })
    }
}

/// The unpacked content.
pub(crate) fn unpacked<'a>(source: impl BufRead + 'a, packed: Compression) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match packed {
        Compression::Plain => Box::new(source),
        Compression::Gzip => Box::new(MultiGzDecoder::new(source)),
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(source)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(decoder)
        }
    })
}

pub(crate) fn buffered<R: Read>(source: R) -> BufReader<R> {
    BufReader::with_capacity(BUFFER_BYTES, source)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).and_then(|()| encoder.finish()).expect("packed")
    }

    fn read(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut source = buffered(packed);
        let compression = Compression::of_content(&mut source)?;
        let mut content = Vec::new();
        unpacked(source, compression)?.read_to_end(&mut content)?;
        Ok(content)
    }

    #[test]
    fn many_members_and_frames_are_one_content() {
        let zstd = |content: &[u8]| zstd::encode_all(content, 1).expect("packed");
        assert_eq!(read(&[gzip(b"one "), gzip(b"two")].concat()).expect("read"), b"one two");
        assert_eq!(read(&[zstd(b"one "), zstd(b"two")].concat()).expect("read"), b"one two");
        assert_eq!(read(b"plain").expect("read"), b"plain");
        assert_eq!(read(b"").expect("read"), b"");
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        let whole = gzip(&[7; 5000]);
        for length in [3, 12, whole.len() - 1] {
            assert!(read(&whole[..length]).is_err(), "{length}");
        }
        assert!(read(&zstd::encode_all(&[7; 5000][..], 1).expect("packed")[..15]).is_err());
    }
}
