//! A reader that knows what it should read: whoever comes to its end has read exactly that.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use crate::{Digest, Error, Result, error::Limit};

/// How long content may be.
#[derive(Clone, Debug)]
pub(crate) enum Length {
    /// As was said.
    Exactly(u64),
    /// Nobody said, so there is a limit.
    AtMost(u64, Limit),
}

/// Content on its way, with the digest that it should have.
pub(crate) struct Verifying<R> {
    pub(crate) source: R,
    /// For words.
    pub(crate) what: String,
    pub(crate) digest: Digest,
    pub(crate) length: Length,
    hasher: Sha256,
    seen: u64,
}

impl<R> Verifying<R> {
    pub(crate) fn new(source: R, what: String, digest: Digest, length: Length) -> Self {
        Self { source, what, digest, length, hasher: Sha256::new(), seen: 0 }
    }

    /// If more was seen than there may be.
    fn refuse_more(&self) -> Result<()> {
        match &self.length {
            Length::AtMost(most, limit) if self.seen > *most => Err(limit.clone().into()),
            Length::Exactly(expected) if self.seen > *expected => Err(self.wrong_size(*expected)),
            _ => Ok(()),
        }
    }

    /// If this was all, and too little.
    fn refuse_less(&self) -> Result<()> {
        match &self.length {
            Length::Exactly(expected) if self.seen < *expected => Err(self.wrong_size(*expected)),
            _ => Ok(()),
        }
    }

    /// If this was all, and something else.
    fn refuse_other(&self) -> Result<()> {
        let found = Digest::from_hasher(self.hasher.clone());
        if found == self.digest {
            return Ok(());
        }
        Err(Error::WrongDigest { what: self.what.clone(), expected: self.digest.clone(), found })
    }

    fn wrong_size(&self, expected: u64) -> Error {
        Error::WrongSize { what: self.what.clone(), expected, found: self.seen }
    }
}

// ANCHOR: verifying
impl<R: Read> Read for Verifying<R> {
    /// Nothing beyond the length is handed on, and the end only if the digest is right.
    #[doc(alias = "exercise:image.verify")]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.seen += count as u64;
        self.refuse_more()?;
        if count == 0 && !buffer.is_empty() {
            self.refuse_less()?;
            self.refuse_other()?;
        }
        Ok(count)
    }
}
// ANCHOR_END: verifying

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &[u8], length: Length) -> Result<usize> {
        let mut reader = Verifying::new(content, "blob x".into(), Digest::of(b"right"), length);
        reader.read_to_end(&mut Vec::new()).map_err(|error| Error::system("read", error))
    }

    #[test]
    fn what_is_right_is_read_to_its_end() {
        assert_eq!(read(b"right", Length::Exactly(5)).expect("right"), 5);
    }

    #[test]
    fn what_is_shorter_longer_or_other_is_refused_in_words() {
        let said = |content: &[u8]| read(content, Length::Exactly(5)).expect_err("wrong").to_string();
        assert_eq!(said(b"left"), "read blob x: it has only 4 bytes, not 5");
        assert_eq!(said(b"rights"), "read blob x: it has at least 6 bytes, not 5");
        assert!(said(b"wrong").starts_with("read blob x: its content is sha256:"), "{}", said(b"wrong"));
    }

    #[test]
    fn a_limit_ends_the_reading() {
        let error = read(b"right", Length::AtMost(4, Limit::Expanded(4))).expect_err("too long");
        assert!(matches!(error, Error::TooMuch(Limit::Expanded(4))), "{error}");
    }
}
