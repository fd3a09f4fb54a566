//! The records of an extended header: `LENGTH KEY=VALUE`, each with a newline. Values may hold any byte. See pax(1).

use crate::{Error, Result};

/// Records in their order; of two with one key, the later counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pax(Vec<(Vec<u8>, Vec<u8>)>);

const ATTRIBUTE: &[u8] = b"SCHILY.xattr.";

impl Pax {
    pub(crate) fn parse(mut bytes: &[u8]) -> Result<Self> {
        let mut records = Vec::new();
        while !bytes.is_empty() {
            let (key, value, rest) =
                record(bytes).ok_or_else(|| Error::Archive("an extended header in it is broken".into()))?;
            records.push((key.to_vec(), value.to_vec()));
            bytes = rest;
        }
        Ok(Self(records))
    }

    /// The value of a key; one that is empty stands for none.
    pub(crate) fn get(&self, key: &str) -> Option<&[u8]> {
        let record = self.0.iter().rev().find(|(known, _)| known == key.as_bytes());
        record.map(|(_, value)| value.as_slice()).filter(|value| !value.is_empty())
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    pub(crate) fn attributes(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let records = self.records();
        records.filter_map(|(key, value)| Some((key.strip_prefix(ATTRIBUTE)?.to_vec(), value.to_vec()))).collect()
    }
}

/// The first record and what follows it.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&bytes[..blank]).ok()?.parse().ok()?;
    let (record, rest) = bytes.split_at_checked(length)?;
    let record = record.get(blank + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (&record[..equals], &record[equals + 1..]);
    (!key.is_empty()).then_some((key, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_hold_newlines_and_equals() {
        let bytes = b"12 a=\n=\0bc\n\n9 b=1\n\n\n\n9 b=2\n\n\n\n14 SCHILY.xattr";
        assert!(Pax::parse(bytes).is_err());
        let pax = Pax::parse(b"12 a=\n=\0bc\n\n6 b=1\n6 b=2\n5 c=\n").expect("records");
        assert_eq!(pax.get("a"), Some(&b"\n=\0bc\n"[..]));
        assert_eq!((pax.get("b"), pax.get("c"), pax.get("d")), (Some(&b"2"[..]), None, None));
    }

    #[test]
    fn broken_records_are_refused() {
        for bytes in
            [&b"7 a=1\n"[..], b"6 a=1", b"5 a=1\n", b"x a=1\n", b"4 a\n", b"5 =1\n", b"2 \n", b"0 ", b"-6 a=1\n"]
        {
            assert!(Pax::parse(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
    }
}
