//! The one socket pair between the process that makes a container and the container's first process.
//!
//! SEQPACKET keeps messages apart, carries descriptors, and tells each side when the other is gone. See unix(7).

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    rc::Rc,
};

use conex_kernel::{Error, Observer, Record, Result, Step};
use rustix::{
    io::{Errno, retry_on_intr},
    net::{
        AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recv,
        sendmsg, socketpair,
    },
};

use crate::{NAME, message::Message};

/// One end.
pub(crate) struct Pair(OwnedFd);

impl Pair {
    /// Both ends; the first is for the parent.
    pub(crate) fn new() -> Result<(Self, Self)> {
        let made = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
        let (ours, theirs) = made.map_err(|errno| Error::new(NAME, "socketpair", &errno.into()))?;
        Ok((Self(ours), Self(theirs)))
    }

    // ANCHOR: messages
    /// Sends one message, with a descriptor or without.
    pub(crate) fn send(&self, message: &Message, descriptor: Option<BorrowedFd<'_>>) -> Result<()> {
        let bytes = message.encode();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors: Vec<BorrowedFd<'_>> = descriptor.into_iter().collect();
        if !descriptors.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(&descriptors));
        }
        // NOSIGNAL: a peer that died is an error here, not the end of us.
        let sent = retry_on_intr(|| sendmsg(&self.0, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL));
        sent.map(drop).map_err(|errno| Error::new(NAME, "send to the other side", &errno.into()))
    }

    /// Waits for the next message; `None` once the other side is gone.
    #[doc(alias = "exercise:namespaces.messages")]
    pub(crate) fn receive(&self) -> Result<Option<(Message, Option<OwnedFd>)>> {
        use std::io::IoSliceMut;

        use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, recvmsg};

        let failed = |error: io::Error| Error::new(NAME, "receive from the other side", &error);
        let mut bytes = vec![0; self.next_length().map_err(|errno| failed(errno.into()))?];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = until_answered(|| {
            let parts = &mut [IoSliceMut::new(&mut bytes)];
            recvmsg(&self.0, parts, &mut control, RecvFlags::CMSG_CLOEXEC)
        });
        let length = received.map_err(|errno| failed(errno.into()))?.bytes;
        let descriptor = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        match length {
            0 => Ok(None),
            _ => match Message::decode(&bytes[..length]) {
                Some(message) => Ok(Some((message, descriptor))),
                None => Err(failed(io::Error::other("not one of our messages"))),
            },
        }
    }
    // ANCHOR_END: messages

    /// Waits for the next message and gives its length, 0 at the end; the message stays. Nearly all have one byte, and
    /// room for the longest would cost more time than the message.
    fn next_length(&self) -> rustix::io::Result<usize> {
        let flags = RecvFlags::PEEK | RecvFlags::TRUNC;
        until_answered(|| recv(&self.0, &mut [0_u8; 1], flags)).map(|(_, length)| length)
    }

    /// For poll(2).
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Asks again after a signal; and after a reset, which the kernel tells once, before what is still in the queue, when the
/// other side ended without having read everything.
fn until_answered<T>(mut receive: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    loop {
        match receive() {
            Err(Errno::INTR | Errno::CONNRESET) => {}
            answer => return answer,
        }
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
