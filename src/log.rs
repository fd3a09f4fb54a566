//! A container's log, in docker's form json-file: a line of JSON for each line of output. Many programs read it, and its
//! place and its bytes are known to them. See moby's daemon/logger/jsonfilelog.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What becomes of what a container writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// In which form.
    pub driver: LogDriver,
    /// How large one file becomes.
    pub max_bytes: u64,
    /// How many files there are at most.
    pub max_files: u32,
}

/// In which form output is kept; the names are docker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogDriver {
    /// A line of JSON for each line.
    JsonFile,
    /// Not at all.
    None,
}

impl LogDriver {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::JsonFile => "json-file",
            Self::None => "none",
        }
    }
}

impl Default for Log {
    /// Docker's would fill the disk in the end.
    fn default() -> Self {
        Self { driver: LogDriver::JsonFile, max_bytes: 10 << 20, max_files: 3 }
    }
}

/// One line of output, or a part of one that is too long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record<'a> {
    /// With its newline, but for the parts of a long line and for a last line that has none.
    pub(crate) log: Cow<'a, str>,
    /// `stdout` or `stderr`.
    pub(crate) stream: Cow<'a, str>,
    /// When it was read, as RFC 3339 writes it, to the nanosecond.
    pub(crate) time: Cow<'a, str>,
}

/// A longer line has several records.
pub(crate) const LINE_BYTES_MAX: usize = 16 << 10;

impl Record<'_> {
    /// Appends it, with its newline. Go writes some characters as numbers, for whoever puts JSON into a page.
    pub(crate) fn write(&self, into: &mut Vec<u8>) {
        let plain = serde_json::to_string(self).unwrap_or_default();
        for character in plain.chars() {
            match character {
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                    into.extend(format!("\\u{:04x}", u32::from(character)).bytes());
                }
                other => into.extend(other.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
        into.push(b'\n');
    }
}

impl Record<'static> {
    /// From a line; `None` if it is none of a log.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_docker_s_bytes() {
        let record = Record { log: "a <b> & \u{2028}\"\u{1}\n".into(), stream: "stdout".into(), time: "T".into() };
        let mut bytes = Vec::new();
        record.write(&mut bytes);
        let expected = r#"{"log":"a \u003cb\u003e \u0026 \u2028\"\u0001\n","stream":"stdout","time":"T"}"#;
        assert_eq!(String::from_utf8(bytes.clone()).expect("text"), format!("{expected}\n"));
        assert_eq!(Record::parse(&bytes), Some(record));
        assert_eq!(Record::parse(b"\0\0"), None);
    }
}
