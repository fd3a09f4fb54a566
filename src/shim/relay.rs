//! Carrying a container's output to the front end, and the front end's signals to the container, until it ends. One
//! loop reads both streams, so that their order is kept as far as the kernel tells it.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    rc::Rc,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, read, retry_on_intr},
    process::{Signal, pidfd_send_signal},
};

use super::streams::Streams;
use crate::stream::{Frame, PAYLOAD_BYTES_MAX, Stream};

pub(super) struct Relay {
    /// Until the front end is gone.
    front: Option<Rc<Stream>>,
    streams: Streams,
    /// A frame that found no room: until it is sent nothing more is read, and the container waits.
    unsent: Option<Vec<u8>>,
    buffer: Vec<u8>,
}

/// What poll found ready.
struct Ready {
    ended: bool,
    heard: bool,
    room: bool,
    output: bool,
    errors: bool,
}

impl Relay {
    pub(super) fn new(front: Rc<Stream>, streams: Streams) -> Self {
        Self { front: Some(front), streams, unsent: None, buffer: Vec::new() }
    }

    /// Comes back once the process has ended.
    pub(super) fn run(&mut self, pidfd: BorrowedFd<'_>) -> io::Result<()> {
        loop {
            let ready = self.wait(Some(pidfd), None)?;
            if ready.heard {
                self.hear(pidfd);
            }
            self.carry(&ready);
            if ready.ended {
                return Ok(());
            }
        }
    }

    /// Carries what the container left; others may keep its streams open, so nobody waits for their end.
    pub(super) fn drain(&mut self) {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        loop {
            // While a frame waits for room, so do we: what was written must arrive.
            let limit = if self.unsent.is_some() { None } else { Some(&now) };
            let Ok(ready) = self.wait(None, limit) else { return };
            if ready.heard && self.peer_is_gone() {
                return;
            }
            if self.unsent.is_none() && !ready.output && !ready.errors {
                return;
            }
            self.carry(&ready);
        }
    }

    fn wait(&self, pidfd: Option<BorrowedFd<'_>>, limit: Option<&Timespec>) -> io::Result<Ready> {
        let reads = self.unsent.is_none();
        let of_front = if reads { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
        let wanted = [
            (pidfd, PollFlags::IN),
            (self.front.as_ref().map(|front| front.descriptor()), of_front),
            (self.streams.output.as_ref().map(AsFd::as_fd).filter(|_| reads), PollFlags::IN),
            (self.streams.errors.as_ref().map(AsFd::as_fd).filter(|_| reads), PollFlags::IN),
        ];
        let mut fds: Vec<PollFd<'_>> =
            wanted.iter().filter_map(|(fd, flags)| Some(PollFd::from_borrowed_fd((*fd)?, *flags))).collect();
        retry_on_intr(|| poll(&mut fds, limit))?;
        let mut found = fds.iter().map(PollFd::revents);
        let [ended, front, output, errors] =
            wanted.map(|(fd, _)| fd.and_then(|_| found.next()).unwrap_or(PollFlags::empty()));
        Ok(Ready {
            ended: !ended.is_empty(),
            heard: !(front - PollFlags::OUT).is_empty(),
            room: front.contains(PollFlags::OUT),
            output: !output.is_empty(),
            errors: !errors.is_empty(),
        })
    }

    /// A signal to pass on, or the end of the front end: the container goes on without it.
    fn hear(&mut self, pidfd: BorrowedFd<'_>) {
        let Some(front) = &self.front else { return };
        match front.receive() {
            Ok(Some((Frame::Signal(number), _))) => {
                if let Some(signal) = Signal::from_named_raw(number) {
                    // It may have just ended; then that is what happens.
                    let _ = pidfd_send_signal(pidfd, signal);
                }
            }
            // Our end of its pipe was the last: it writes into nothing and is told so, as in any pipeline.
            Ok(Some((Frame::Unread, _))) => self.streams.output = None,
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => self.forget_front(),
        }
    }

    fn peer_is_gone(&mut self) -> bool {
        let gone = self.front.as_ref().is_none_or(|front| !matches!(front.receive(), Ok(Some(_))));
        if gone {
            self.forget_front();
        }
        gone
    }

    fn forget_front(&mut self) {
        self.front = None;
        self.unsent = None;
    }

    fn carry(&mut self, ready: &Ready) {
        if ready.room
            && let Some(bytes) = self.unsent.take()
        {
            self.send(bytes);
        }
        if ready.output && !self.carry_one(|streams| &mut streams.output, Frame::Output) {
            self.streams.output = None;
        }
        if ready.errors && self.unsent.is_none() && !self.carry_one(|streams| &mut streams.errors, Frame::Errors) {
            self.streams.errors = None;
        }
    }

    /// Reads once and sends; `false` at the stream's end. EIO is how a console ends.
    fn carry_one(
        &mut self,
        stream: impl Fn(&mut Streams) -> &mut Option<OwnedFd>,
        frame: impl Fn(Vec<u8>) -> Frame,
    ) -> bool {
        let Some(fd) = stream(&mut self.streams) else { return false };
        self.buffer.resize(PAYLOAD_BYTES_MAX, 0);
        match retry_on_intr(|| read(&*fd, &mut self.buffer)) {
            Ok(0) | Err(Errno::IO) => false,
            Ok(length) => {
                let bytes = frame(self.buffer[..length].to_vec()).encode();
                self.send(bytes);
                true
            }
            Err(Errno::AGAIN) => true,
            Err(_) => false,
        }
    }

    fn send(&mut self, bytes: Vec<u8>) {
        let Some(front) = &self.front else { return };
        match front.try_send(&bytes) {
            Ok(true) => {}
            Ok(false) => self.unsent = Some(bytes),
            Err(_) => self.forget_front(),
        }
    }
}
