//! An archive in pieces: its packing, and units of a header with the data that follows it, so that a change of one piece
//! leaves the others what they are. See tar(5).

use std::io::{self, Read, Write};

/// How an archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

pub(crate) const BLOCK_BYTES: usize = 512;

/// More than this no target reads.
const UNPACKED_BYTES_MAX: u64 = 1 << 16;

/// A unit's fields: where each is in the header.
pub(crate) const NAME: (usize, usize) = (0, 100);
pub(crate) const SIZE: (usize, usize) = (124, 12);
pub(crate) const KIND: (usize, usize) = (156, 1);
pub(crate) const LINK: (usize, usize) = (157, 100);
const SUM: (usize, usize) = (148, 8);

impl Packing {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }

    /// The content, as far as it can be had.
    pub(crate) fn unpack(self, bytes: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        let mut read = |source: &mut dyn Read| source.take(UNPACKED_BYTES_MAX).read_to_end(&mut content);
        let _ = match self {
            Self::Plain => read(&mut &*bytes),
            Self::Gzip => read(&mut flate2::bufread::MultiGzDecoder::new(bytes)),
            Self::Zstd => zstd::Decoder::new(bytes).and_then(|mut decoder| read(&mut decoder)),
        };
        content
    }

    pub(crate) fn pack(self, content: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain => Ok(content.to_vec()),
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(content)?;
                encoder.finish()
            }
            Self::Zstd => zstd::encode_all(content, 1),
        }
    }
}

/// The units of an archive; what is no header, such as its end, is one of its own.
pub(crate) fn units(mut archive: &[u8]) -> Vec<Vec<u8>> {
    let mut units = Vec::new();
    while let Some(header) = archive.get(..BLOCK_BYTES) {
        let data = number(field(header, SIZE)).unwrap_or(0).div_ceil(BLOCK_BYTES).saturating_mul(BLOCK_BYTES);
        let (unit, rest) = archive.split_at(data.saturating_add(BLOCK_BYTES).min(archive.len()));
        units.push(unit.to_vec());
        archive = rest;
    }
    if !archive.is_empty() {
        units.push(archive.to_vec());
    }
    units
}

/// A unit without data: an empty file, until its fields say something else.
pub(crate) fn new_unit() -> Vec<u8> {
    let mut unit = vec![0; BLOCK_BYTES];
    unit[100..108].copy_from_slice(b"0000644\0");
    set(&mut unit, KIND, b"0");
    unit[257..265].copy_from_slice(b"ustar\x0000");
    unit
}

/// Writes a field of a unit that has a header; the rest of the field is zeros.
pub(crate) fn set(unit: &mut [u8], (at, length): (usize, usize), value: &[u8]) {
    if let Some(field) = unit.get_mut(at..at + length) {
        field.fill(0);
        let length = value.len().min(length);
        field[..length].copy_from_slice(&value[..length]);
    }
}

/// Makes the data of a unit another, and its size that.
pub(crate) fn set_data(unit: &mut Vec<u8>, data: &[u8]) {
    unit.truncate(BLOCK_BYTES);
    set(unit, SIZE, format!("{:011o}", data.len()).as_bytes());
    unit.extend(data);
    unit.resize(unit.len().next_multiple_of(BLOCK_BYTES), 0);
}

pub(crate) fn field(unit: &[u8], (at, length): (usize, usize)) -> &[u8] {
    let field = unit.get(at..at + length).unwrap_or_default();
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Makes the sum of a header right; of zeros there is none.
pub(crate) fn set_sum(unit: &mut [u8]) {
    if unit.len() >= BLOCK_BYTES && unit.iter().any(|byte| *byte != 0) {
        set(unit, SUM, b"        ");
        let sum: u32 = unit[..BLOCK_BYTES].iter().map(|byte| u32::from(*byte)).sum();
        set(unit, SUM, format!("{sum:06o}\0 ").as_bytes());
    }
}

fn number(octal: &[u8]) -> Option<usize> {
    usize::from_str_radix(std::str::from_utf8(octal).ok()?.trim(), 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_put_together_are_the_archive() {
        let mut unit = new_unit();
        set_data(&mut unit, b"content");
        let archive = [unit.clone(), new_unit(), vec![0; 1024], b"rest".to_vec()].concat();
        assert_eq!(units(&archive).concat(), archive);
        assert_eq!(units(&archive)[0], unit);
        // Said to be longer than the archive is.
        set(&mut unit, SIZE, b"77777777777");
        assert_eq!(units(&unit).concat(), unit);
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        for packing in [Packing::Plain, Packing::Gzip, Packing::Zstd] {
            let packed = packing.pack(b"content").expect("packed");
            assert_eq!((Packing::of(&packed), packing.unpack(&packed)), (packing, b"content".to_vec()));
        }
    }
}
