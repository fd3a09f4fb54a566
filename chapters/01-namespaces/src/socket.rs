//! One end of a socket pair between two processes, which carries whole messages and descriptors.
//!
//! SEQPACKET keeps messages apart and tells each side when the other is gone. See unix(7).

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    io::{Errno, retry_on_intr},
    net::{
        AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recv,
        sendmsg, socketpair,
    },
};

/// One end.
#[derive(Debug)]
pub struct Socket(OwnedFd);

/// What came: the bytes of one message, and the descriptor that was sent along.
pub type Datagram = (Vec<u8>, Option<OwnedFd>);

impl Socket {
    /// Both ends.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self(one), Self(other)))
    }

    /// Sends one message, with a descriptor or without; waits until there is room. Bytes may not be empty: that is the end.
    pub fn send(&self, bytes: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        self.send_with(bytes, descriptor, SendFlags::empty())
    }

    /// Sends one message if there is room; `false` if there is none now.
    pub fn try_send(&self, bytes: &[u8]) -> io::Result<bool> {
        match self.send_with(bytes, None, SendFlags::DONTWAIT) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            sent => sent.map(|()| true),
        }
    }

    fn send_with(&self, bytes: &[u8], descriptor: Option<BorrowedFd<'_>>, flags: SendFlags) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors: Vec<BorrowedFd<'_>> = descriptor.into_iter().collect();
        if !descriptors.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(&descriptors));
        }
        // NOSIGNAL: a peer that died is an error here, not the end of us.
        let flags = flags | SendFlags::NOSIGNAL;
        retry_on_intr(|| sendmsg(&self.0, &[IoSlice::new(bytes)], &mut control, flags))
            .map(drop)
            .map_err(io::Error::from)
    }

    // ANCHOR: messages
    /// Waits for the next message; `None` once the other side is gone. The descriptor is closed on exec.
    #[doc(alias = "exercise:namespaces.messages")]
    pub fn receive(&self) -> io::Result<Option<Datagram>> {
        use std::io::IoSliceMut;

        use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, recvmsg};

        let mut bytes = vec![0; self.next_length()?];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let length = until_answered(|| {
            let parts = &mut [IoSliceMut::new(&mut bytes)];
            recvmsg(&self.0, parts, &mut control, RecvFlags::CMSG_CLOEXEC).map(|received| received.bytes)
        })?;
        let descriptor = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        Ok(if length == 0 { None } else { Some((bytes, descriptor)) })
    }
    // ANCHOR_END: messages

    /// Waits for the next message and gives its length, 0 at the end; the message stays. Nearly all are short, and room
    /// for the longest would cost more time than the message.
    fn next_length(&self) -> io::Result<usize> {
        let flags = RecvFlags::PEEK | RecvFlags::TRUNC;
        until_answered(|| recv(&self.0, &mut [0_u8; 1], flags)).map(|(_, length)| length)
    }
}

/// Asks again after a signal; and after a reset, which the kernel tells once, before what is still in the queue, when the
/// other side ended without having read everything.
fn until_answered<T>(mut receive: impl FnMut() -> rustix::io::Result<T>) -> io::Result<T> {
    loop {
        match receive() {
            Err(Errno::INTR | Errno::CONNRESET) => {}
            answer => return answer.map_err(io::Error::from),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Socket {
    fn from(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }
}

impl From<Socket> for OwnedFd {
    fn from(socket: Socket) -> Self {
        socket.0
    }
}
