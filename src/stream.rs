//! The conversation between a front end and the shim: frames over a socket pair of chapter 1's, made before the shim: no
//! connect, no lost first line.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    exec::Exec,
    failure::Failure,
    kernel::{Record, Side},
    namespaces::Socket,
};

/// One thing said.
#[derive(Clone, Debug)]
pub enum Frame {
    /// Front end: begin. The container's standard input comes along, if it has one.
    Begin(Orders),
    /// Front end: send this signal to the container's first process.
    Signal(i32),
    /// Front end: nobody reads the container's output any more; whoever writes some shall hear of it.
    Unread,
    /// Another front end: tell me what the container writes.
    Attach,
    /// Another front end: three times, a descriptor that shall be a standard stream of what it will ask for.
    Lend,
    /// Another front end: run this in the container, too.
    Exec(Exec),
    /// Another front end: let the container stand still while I am here.
    Freeze,
    /// Another front end: let it stand still.
    Pause,
    /// Another front end: let it go on.
    Resume,
    /// Shim: that is done.
    Done,
    /// Shim: that was born; a pidfd of it comes along.
    Process,
    /// Shim: the program runs. The console's master end comes along, if it has one; or, to whoever attaches, the end of a
    /// pipe that is its standard input.
    Started,
    /// Shim: what the container wrote to standard output, or to its terminal.
    Output(Vec<u8>),
    /// Shim: what it wrote to standard error.
    Errors(Vec<u8>),
    /// Shim: this was asked of the kernel.
    Told(Record),
    /// Shim: the container could not be started.
    Failed(Failure),
    /// Shim: it has ended, with this status, and everything that it wrote was sent before.
    Exited(u8),
    /// Shim: nothing of it is left.
    Removed,
}

/// What the shim can't know from the container's choices.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Orders {
    /// The state root.
    pub root: PathBuf,
    /// The run root.
    pub run_root: PathBuf,
    /// Whether every operation is told.
    pub explain: bool,
    /// Rows and columns of the terminal, if known.
    pub size: Option<(u16, u16)>,
}

/// One end.
#[derive(Debug)]
pub struct Stream(Socket);

/// The most that one frame carries of a container's output: a pipe's whole content.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 64 << 10;

impl Stream {
    /// Both ends.
    pub(crate) fn pair() -> io::Result<(Self, Self)> {
        Socket::pair().map(|(ours, theirs)| (Self(ours), Self(theirs)))
    }

    /// An end that was inherited.
    pub(crate) fn of(descriptor: OwnedFd) -> Self {
        Self(descriptor.into())
    }

    /// The descriptor, for whoever shall inherit it.
    pub(crate) fn into_descriptor(self) -> OwnedFd {
        self.0.into()
    }

    /// For poll(2).
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Sends a frame, with a descriptor or without; waits until there is room.
    pub fn send(&self, frame: &Frame, descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        self.0.send(&frame.encode(), descriptor)
    }

    /// Sends an encoded frame if there is room; `false` if there is none now.
    pub(crate) fn try_send(&self, bytes: &[u8]) -> io::Result<bool> {
        self.0.try_send(bytes)
    }

    /// Waits for the next frame; `None` once the other side is gone.
    pub fn receive(&self) -> io::Result<Option<(Frame, Option<OwnedFd>)>> {
        let Some((bytes, descriptor)) = self.0.receive()? else { return Ok(None) };
        match Frame::decode(&bytes) {
            Some(frame) => Ok(Some((frame, descriptor))),
            None => Err(io::Error::other("not one of our frames")),
        }
    }
}

impl Frame {
    /// A tag and its payload.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let with = |tag: &[u8], payload: &[u8]| [tag, payload].concat();
        match self {
            Self::Begin(orders) => with(b"B", &json(orders)),
            Self::Signal(number) => with(b"S", &number.to_le_bytes()),
            Self::Unread => b"u".to_vec(),
            Self::Attach => b"a".to_vec(),
            Self::Lend => b"l".to_vec(),
            Self::Exec(exec) => with(b"E", &json(exec)),
            Self::Freeze => b"z".to_vec(),
            Self::Pause => b"h".to_vec(),
            Self::Resume => b"g".to_vec(),
            Self::Done => b"d".to_vec(),
            Self::Process => b"p".to_vec(),
            Self::Started => b"s".to_vec(),
            Self::Output(bytes) => with(b"o", bytes),
            Self::Errors(bytes) => with(b"e", bytes),
            Self::Told(record) => with(b"t", &json(&Told::of(record))),
            Self::Failed(Failure { message, hint, status }) => with(b"f", &json(&(message, hint, status))),
            Self::Exited(code) => vec![b'x', *code],
            Self::Removed => b"r".to_vec(),
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (tag, payload) = bytes.split_first()?;
        Some(match tag {
            b'B' => Self::Begin(serde_json::from_slice(payload).ok()?),
            b'S' => Self::Signal(i32::from_le_bytes(payload.try_into().ok()?)),
            b'u' => Self::Unread,
            b'a' => Self::Attach,
            b'l' => Self::Lend,
            b'E' => Self::Exec(serde_json::from_slice(payload).ok()?),
            b'z' => Self::Freeze,
            b'h' => Self::Pause,
            b'g' => Self::Resume,
            b'd' => Self::Done,
            b'p' => Self::Process,
            b's' => Self::Started,
            b'o' => Self::Output(payload.to_vec()),
            b'e' => Self::Errors(payload.to_vec()),
            b't' => Self::Told(serde_json::from_slice::<Told>(payload).ok()?.record()),
            b'f' => {
                let (message, hint, status) = serde_json::from_slice(payload).ok()?;
                Self::Failed(Failure { message, hint, status })
            }
            b'x' => Self::Exited(*payload.first()?),
            b'r' => Self::Removed,
            _ => return None,
        })
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// A record of the narration on its way.
#[derive(Serialize, Deserialize)]
struct Told {
    in_container: bool,
    part: String,
    operation: String,
    equivalent: (String, String),
    took_ns: u64,
    failure: Option<String>,
}

impl Told {
    fn of(record: &Record) -> Self {
        let Record { side, part, operation, equivalent: (word, text), took, failure } = record.clone();
        Self {
            in_container: side == Side::Container,
            part: part.into(),
            operation,
            equivalent: (word.into(), text),
            took_ns: u64::try_from(took.as_nanos()).unwrap_or(u64::MAX),
            failure,
        }
    }

    fn record(self) -> Record {
        let (word, text) = self.equivalent;
        Record {
            side: if self.in_container { Side::Container } else { Side::Host },
            part: self.part.into(),
            operation: self.operation,
            equivalent: (word.into(), text),
            took: Duration::from_nanos(self.took_ns),
            failure: self.failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_arrives_as_it_was_sent() {
        let record = Record {
            side: Side::Container,
            part: "namespaces".into(),
            operation: "umask 0022".into(),
            equivalent: ("exact".into(), "umask 0022".into()),
            took: Duration::from_nanos(7),
            failure: None,
        };
        let orders = Orders { root: "/r".into(), run_root: "/run".into(), explain: true, size: Some((30, 100)) };
        let failure = Failure::new("no").with_hint("yes");
        let exec = Exec {
            arguments: vec!["true".into()],
            environment: Vec::new(),
            directory: Some("/".into()),
            user: None,
            terminal: true,
            size: None,
            privileged: false,
            detached: true,
        };
        let frames = [
            Frame::Begin(orders),
            Frame::Signal(15),
            Frame::Unread,
            Frame::Attach,
            Frame::Lend,
            Frame::Exec(exec),
            Frame::Freeze,
            Frame::Pause,
            Frame::Resume,
            Frame::Done,
            Frame::Process,
            Frame::Started,
            Frame::Output(vec![0; PAYLOAD_BYTES_MAX]),
            Frame::Errors(b"e".to_vec()),
            Frame::Told(record),
            Frame::Failed(failure),
            Frame::Exited(7),
            Frame::Removed,
        ];
        let (one, other) = Stream::pair().expect("a pair");
        for frame in frames {
            one.send(&frame, None).expect("sent");
            let (got, descriptor) = other.receive().expect("received").expect("a frame");
            assert_eq!(format!("{got:?}"), format!("{frame:?}"));
            assert!(descriptor.is_none());
        }
        drop(one);
        assert!(other.receive().expect("an end").is_none());
    }
}
