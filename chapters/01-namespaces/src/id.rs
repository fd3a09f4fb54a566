//! A container's identity: 64 hexadecimal digits, from which every name in the kernel and on disk follows.

use std::fmt;

use conex_kernel::{Error, Result};
use rustix::rand::{GetRandomFlags, getrandom};

use crate::NAME;

/// 64 lower-case hexadecimal digits; having one proves the grammar, so it is safe in a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContainerId(String);

const DIGITS: usize = 64;
const SHORT_DIGITS: usize = 12;

impl ContainerId {
    /// Takes exactly 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == DIGITS && text.bytes().all(digit) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::refused(NAME, format!("read container id {text:?}"), "it is not 64 lower-case hexadecimal digits"))
    }

    /// A new id from the kernel's random numbers.
    pub fn random() -> Result<Self> {
        loop {
            let mut bytes = [0; DIGITS / 2];
            getrandom(&mut bytes, GetRandomFlags::empty())
                .map_err(|errno| Error::new(NAME, "getrandom", &errno.into()))?;
            let id = Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
            // The short form becomes the host name, which must not read as a number.
            if !id.short().bytes().all(|byte| byte.is_ascii_digit()) {
                return Ok(id);
            }
        }
    }

    /// All 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits, as listings show them.
    pub fn short(&self) -> &str {
        &self.0[..SHORT_DIGITS]
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_64_hexadecimal_digits_are_an_id() {
        assert!(ContainerId::parse(&"a1".repeat(32)).is_ok());
        for bad in ["", "../x", &"A1".repeat(32), &"a1".repeat(31), &"g1".repeat(32)] {
            assert!(ContainerId::parse(bad).is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn random_ids_are_ids_and_differ() {
        let (one, two) = (ContainerId::random().expect("random"), ContainerId::random().expect("random"));
        assert_ne!(one, two);
        assert_eq!(ContainerId::parse(one.as_str()).expect("an id"), one);
    }
}
