//! The keys that leave a container running and give the terminal back: ctrl-p ctrl-q unless someone says otherwise.

use crate::{Failure, Result};

/// A sequence of bytes, and how much of it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    sequence: Vec<u8>,
    typed: usize,
}

impl Default for Keys {
    fn default() -> Self {
        Self { sequence: vec![0x10, 0x11], typed: 0 }
    }
}

impl Keys {
    /// From `a,ctrl-b,…`: single characters, or ctrl- and one of a–z @ [ \ ] ^ _.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let sequence = text.split(',').map(key).collect::<Option<Vec<u8>>>().ok_or_else(|| {
            let hint = "keys are single characters, or ctrl- and one of a-z @ [ \\ ] ^ _, with commas between them";
            Failure::new(format!("{text:?} are no detach keys")).with_hint(hint)
        })?;
        Ok(Self { sequence, typed: 0 })
    }

    /// What of `bytes` is meant for the container, and whether the sequence is complete.
    pub(super) fn filter(&mut self, bytes: &[u8]) -> (Vec<u8>, bool) {
        let mut meant = Vec::with_capacity(bytes.len());
        for byte in bytes {
            if self.sequence.get(self.typed) == Some(byte) {
                self.typed += 1;
                if self.typed == self.sequence.len() {
                    self.typed = 0;
                    return (meant, true);
                }
                continue;
            }
            // It was not the sequence after all: what was held back is meant for the container.
            meant.extend_from_slice(&self.sequence[..self.typed]);
            self.typed = usize::from(self.sequence.first() == Some(byte));
            if self.typed == 0 {
                meant.push(*byte);
            }
        }
        (meant, false)
    }
}

fn key(word: &str) -> Option<u8> {
    match (word.as_bytes(), word.strip_prefix("ctrl-").map(str::as_bytes)) {
        (_, Some([letter @ b'a'..=b'z'])) => Some(letter - b'a' + 1),
        (_, Some([sign @ (b'@' | b'[' | b'\\' | b']' | b'^' | b'_')])) => Some(sign - b'@'),
        ([single], None) if single.is_ascii_graphic() || *single == b' ' => Some(*single),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_characters_and_control_characters() {
        assert_eq!(Keys::parse("ctrl-p,ctrl-q").expect("keys"), Keys::default());
        assert_eq!(Keys::parse("a,ctrl-@,ctrl-_").expect("keys").sequence, [b'a', 0, 0x1f]);
        for bad in ["", "ctrl-", "ctrl-A", "ab", "a,,b", "ctrl-1"] {
            assert!(Keys::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_the_whole_sequence_detaches_and_nothing_else_is_lost() {
        let mut keys = Keys::parse("a,b").expect("keys");
        assert_eq!(keys.filter(b"xay"), (b"xay".to_vec(), false));
        assert_eq!(keys.filter(b"xa"), (b"x".to_vec(), false));
        assert_eq!(keys.filter(b"ay"), (b"aay".to_vec(), false));
        assert_eq!(keys.filter(b"a"), (vec![], false));
        assert_eq!(keys.filter(b"b..."), (vec![], true));
    }
}
