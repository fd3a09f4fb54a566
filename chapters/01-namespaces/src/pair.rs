//! The one conversation between the process that makes a container and the container's first process: messages over a
//! socket pair.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    rc::Rc,
};

use conex_kernel::{Error, Observer, Record, Result, Step};

use crate::{NAME, Socket, message::Message};

/// One end.
pub(crate) struct Pair(Socket);

impl Pair {
    /// Both ends; the first is for the parent.
    pub(crate) fn new() -> Result<(Self, Self)> {
        let (ours, theirs) = Socket::pair().map_err(|error| Error::new(NAME, "socketpair", &error))?;
        Ok((Self(ours), Self(theirs)))
    }

    /// Sends one message, with a descriptor or without.
    pub(crate) fn send(&self, message: &Message, descriptor: Option<BorrowedFd<'_>>) -> Result<()> {
        let sent = self.0.send(&message.encode(), descriptor);
        sent.map_err(|error| Error::new(NAME, "send to the other side", &error))
    }

    /// Waits for the next message; `None` once the other side is gone.
    pub(crate) fn receive(&self) -> Result<Option<(Message, Option<OwnedFd>)>> {
        let failed = |error: io::Error| Error::new(NAME, "receive from the other side", &error);
        let Some((bytes, descriptor)) = self.0.receive().map_err(failed)? else { return Ok(None) };
        match Message::decode(&bytes) {
            Some(message) => Ok(Some((message, descriptor))),
            None => Err(failed(io::Error::other("not one of our messages"))),
        }
    }

    /// For poll(2).
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Sends the child's records to the parent, whose observer prints them; faults are still injected here.
pub(crate) struct Relay {
    /// The parent's observer, as the clone copied it.
    pub(crate) inner: Rc<dyn Observer>,
    /// The child's end.
    pub(crate) pair: Rc<Pair>,
}

impl Observer for Relay {
    fn before(&self, step: &Step<'_>) -> io::Result<()> {
        self.inner.before(step)
    }

    fn after(&self, record: Record) {
        // A parent that is gone needs no narration; the next `receive` ends this process.
        let _ = self.pair.send(&Message::Did(record), None);
    }
}
