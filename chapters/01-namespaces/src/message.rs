//! What the two sides of a clone say to each other, and how it is written: a tag, fixed numbers, texts.

use std::time::Duration;

use conex_kernel::{Cause, Error, Record, Side};

/// One datagram of the pair.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// Child: this operation ran (only when someone observes).
    Did(Record),
    /// Usher: this is the container's process; its pidfd comes along.
    Born {
        /// By the host's count.
        pid: i32,
    },
    /// Child: the console's master end comes along.
    Console,
    /// Child: every mount is in place; the pivot waits for `Go`.
    Mounted,
    /// Child: the last word before exec.
    Exec,
    /// Child: this failed, and I end.
    Fault(Error),
    /// Parent: your ids, and your cgroup, are written.
    Mapped,
    /// Parent: every part is attached.
    Go,
}

/// Texts are cut to this, so that a datagram always fits a socket's buffer.
const TEXT_BYTES_MAX: usize = 16 << 10;

impl Message {
    /// As bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Did(record) => encode_record(record),
            Self::Born { pid } => [&b"B"[..], &pid.to_le_bytes()].concat(),
            Self::Console => b"C".to_vec(),
            Self::Mounted => b"M".to_vec(),
            Self::Exec => b"E".to_vec(),
            Self::Fault(error) => encode_fault(error),
            Self::Mapped => b"m".to_vec(),
            Self::Go => b"G".to_vec(),
        }
    }

    /// From bytes; `None` for what no sender of ours writes.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first()?;
        match tag {
            b'D' => decode_record(rest),
            b'B' => Some(Self::Born { pid: i32::from_le_bytes(rest.try_into().ok()?) }),
            b'C' => Some(Self::Console),
            b'M' => Some(Self::Mounted),
            b'E' => Some(Self::Exec),
            b'F' => decode_fault(rest),
            b'm' => Some(Self::Mapped),
            b'G' => Some(Self::Go),
            _ => None,
        }
    }
}

fn encode_record(record: &Record) -> Vec<u8> {
    let took = u64::try_from(record.took.as_nanos()).unwrap_or(u64::MAX);
    let (word, command) = &record.equivalent;
    let failure = record.failure.as_deref().unwrap_or("");
    [&b"D"[..], &took.to_le_bytes(), &texts(&[&record.part, &record.operation, word, command, failure])].concat()
}

fn decode_record(bytes: &[u8]) -> Option<Message> {
    let (took, rest) = bytes.split_first_chunk()?;
    let [part, operation, word, command, failure] = split(rest)?;
    Some(Message::Did(Record {
        side: Side::Container,
        part: part.into(),
        operation,
        equivalent: (word.into(), command),
        took: Duration::from_nanos(u64::from_le_bytes(*took)),
        failure: Some(failure).filter(|failure| !failure.is_empty()),
    }))
}

/// An errno of 0 stands for a cause in words.
fn encode_fault(error: &Error) -> Vec<u8> {
    let (errno, said) = match &error.cause {
        Cause::Errno(errno) => (*errno, ""),
        Cause::Said(text) => (0, text.as_str()),
    };
    let hint = error.hint.as_deref().unwrap_or("");
    [&b"F"[..], &errno.to_le_bytes(), &texts(&[&error.part, &error.operation, said, hint])].concat()
}

fn decode_fault(bytes: &[u8]) -> Option<Message> {
    let (errno, rest) = bytes.split_first_chunk()?;
    let [part, operation, said, hint] = split(rest)?;
    let cause = match i32::from_le_bytes(*errno) {
        0 => Cause::Said(said),
        errno => Cause::Errno(errno),
    };
    let hint = Some(hint).filter(|hint| !hint.is_empty());
    Some(Message::Fault(Error { part, operation, cause, hint, leftovers: Vec::new() }))
}

/// Texts with a NUL between them; a NUL inside one becomes a blank.
fn texts(texts: &[&str]) -> Vec<u8> {
    let cut: Vec<String> =
        texts.iter().map(|text| text[..text.floor_char_boundary(TEXT_BYTES_MAX)].replace('\0', " ")).collect();
    cut.join("\0").into_bytes()
}

fn split<const N: usize>(bytes: &[u8]) -> Option<[String; N]> {
    let texts: Vec<String> =
        bytes.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned()).collect();
    texts.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    fn through(message: &Message) -> Option<Message> {
        Message::decode(&message.encode())
    }

    proptest! {
        #[test]
        fn a_fault_arrives_as_it_was_sent(errno in 1..200, operation in "[^\0]{0,40}", hint in "[^\0]{1,20}") {
            let mut error = Error::new("test", &operation, &std::io::Error::from_raw_os_error(errno));
            error.hint = Some(hint.clone());
            let Some(Message::Fault(got)) = through(&Message::Fault(error)) else { panic!("not a fault") };
            assert_eq!((got.errno(), got.operation, got.hint), (Some(errno), operation, Some(hint)));
        }

        #[test]
        fn a_record_arrives_as_it_was_sent(took in any::<u32>(), operation in "[^\0]{0,40}", command in "[^\0]{0,40}") {
            let took = Duration::from_nanos(took.into());
            let equivalent = ("exact".into(), command);
            let record = Record { side: Side::Container, part: "p".into(), operation, equivalent, took, failure: None };
            let Some(Message::Did(got)) = through(&Message::Did(record.clone())) else { panic!("not a record") };
            assert_eq!(got, record);
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in any::<Vec<u8>>()) {
            let _ = Message::decode(&bytes);
        }
    }

    #[test]
    fn an_endless_panic_text_is_cut_to_fit_a_datagram() {
        let error = Error::refused("test", "boom", "é".repeat(1 << 20));
        assert!(Message::Fault(error).encode().len() < 2 * TEXT_BYTES_MAX);
    }
}
