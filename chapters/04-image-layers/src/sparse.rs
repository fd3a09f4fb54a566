//! Maps of files with holes, in the four ways in which archives have them: GNU's old one, and PAX 0.0, 0.1 and 1.0. See
//! the manual of GNU tar, "Storing Sparse Files".

use tar::{GnuExtSparseHeader, Header};

use crate::{
    Error, Result,
    entry::{Extent, Piece},
    numbers::{decimal, field},
    pax::Pax,
};

/// The map of GNU's old way, of which `more` gives blocks as long as there are any.
pub(crate) fn old_gnu(header: &Header, mut more: impl FnMut() -> Result<[u8; 512]>) -> Result<Extent> {
    let gnu = header.as_gnu().ok_or_else(|| broken("its header is not GNU's"))?;
    let mut pieces = Vec::new();
    let mut extended = gnu.isextended[0] != 0;
    gnu.sparse.iter().try_for_each(|part| add(&mut pieces, &part.offset, &part.numbytes))?;
    while extended {
        let mut block = GnuExtSparseHeader::new();
        block.as_mut_bytes().copy_from_slice(&more()?);
        block.sparse.iter().try_for_each(|part| add(&mut pieces, &part.offset, &part.numbytes))?;
        extended = block.isextended[0] != 0;
    }
    let length = u64::try_from(field(&gnu.realsize)?).map_err(|_| broken("its length is negative"))?;
    Ok(Extent { length, pieces })
}

fn add(pieces: &mut Vec<Piece>, offset: &[u8], length: &[u8]) -> Result<()> {
    if offset[0] == 0 || length[0] == 0 {
        return Ok(());
    }
    let number = |bytes| u64::try_from(field(bytes)?).map_err(|_| broken("a number is negative"));
    pieces.push(Piece { offset: number(offset)?, length: number(length)? });
    Ok(())
}

/// The map that extended headers hold, if they do; of version 1.0 it is at the beginning of the data, which `line` reads.
pub(crate) fn pax(pax: &Pax, line: impl FnMut() -> Result<u64>) -> Result<Option<Extent>> {
    let version = (pax.get("GNU.sparse.major"), pax.get("GNU.sparse.minor"));
    let length = pax.get("GNU.sparse.realsize").or(pax.get("GNU.sparse.size"));
    let numbers: Vec<u64> = match version {
        (Some(b"1"), Some(b"0")) => numbers_before_the_data(line)?,
        (None | Some(b"0"), _) => match pax.get("GNU.sparse.map") {
            Some(map) => map.split(|byte| *byte == b',').map(decimal).collect::<Result<_>>()?,
            None if pax.get("GNU.sparse.numblocks").is_some() => numbers_of_records(pax)?,
            None => return Ok(None),
        },
        _ => return Err(broken("its version is unknown")),
    };
    let (pairs, rest) = numbers.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(broken("a piece has no length"));
    }
    let pieces = pairs.iter().map(|[offset, length]| Piece { offset: *offset, length: *length }).collect();
    let length = decimal(length.ok_or_else(|| broken("it has no length"))?)?;
    Ok(Some(Extent { length, pieces }))
}

fn numbers_before_the_data(mut line: impl FnMut() -> Result<u64>) -> Result<Vec<u64>> {
    let count = line()?;
    (0..count.saturating_mul(2)).map(|_| line()).collect()
}

fn numbers_of_records(pax: &Pax) -> Result<Vec<u64>> {
    let parts = pax.records().filter(|(key, _)| matches!(*key, b"GNU.sparse.offset" | b"GNU.sparse.numbytes"));
    parts.map(|(_, value)| decimal(value)).collect()
}

/// Refuses a map whose pieces overlap, are out of order, lie beyond the end, or are not the data that is there.
pub(crate) fn check(extent: &Extent, data: u64) -> Result<()> {
    let mut end = 0_u64;
    for piece in &extent.pieces {
        if piece.offset < end {
            return Err(broken("pieces overlap"));
        }
        end = piece.offset.checked_add(piece.length).ok_or_else(|| broken("a piece has no end"))?;
    }
    let sum = extent.pieces.iter().try_fold(0_u64, |sum, piece| sum.checked_add(piece.length));
    if end > extent.length || sum != Some(data) {
        return Err(broken("it does not fit the file"));
    }
    Ok(())
}

fn broken(why: &str) -> Error {
    Error::Archive(format!("a map of holes in it is broken: {why}"))
}
