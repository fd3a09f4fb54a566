//! Carrying what a container writes into its log and to its front ends, and their signals to the container, until it ends.
//! One loop reads both streams, so that their order is kept as far as the kernel tells it.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, read, retry_on_intr},
};

use super::{
    fronts::{Fronts, Heard},
    recorder::{Recorder, Source},
    streams::Streams,
};
use crate::stream::{Frame, PAYLOAD_BYTES_MAX};

pub(super) struct Relay {
    fronts: Fronts,
    streams: Streams,
    recorder: Recorder,
    buffer: Vec<u8>,
}

/// What poll found ready.
struct Ready {
    ended: bool,
    output: bool,
    errors: bool,
    fronts: Vec<PollFlags>,
}

impl Relay {
    pub(super) fn new(fronts: Fronts, streams: Streams, recorder: Recorder) -> Self {
        Self { fronts, streams, recorder, buffer: Vec::new() }
    }

    /// Comes back once the process has ended.
    pub(super) fn run(&mut self, pidfd: BorrowedFd<'_>) -> io::Result<()> {
        loop {
            let ready = self.wait(Some(pidfd), None)?;
            self.attend(&ready, Some(pidfd));
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
            let has_room = self.fronts.have_room();
            let Ok(ready) = self.wait(None, if has_room { Some(&now) } else { None }) else { break };
            self.attend(&ready, None);
            if has_room && !ready.output && !ready.errors {
                break;
            }
            self.carry(&ready);
        }
        self.recorder.finish();
    }

    /// The front ends, for the last words.
    pub(super) fn into_fronts(self) -> Fronts {
        self.fronts
    }

    fn wait(&self, pidfd: Option<BorrowedFd<'_>>, limit: Option<&Timespec>) -> io::Result<Ready> {
        let reads = self.fronts.have_room();
        let mut wanted = vec![
            (pidfd, PollFlags::IN),
            (self.streams.output.as_ref().map(AsFd::as_fd).filter(|_| reads), PollFlags::IN),
            (self.streams.errors.as_ref().map(AsFd::as_fd).filter(|_| reads), PollFlags::IN),
        ];
        wanted.extend(self.fronts.descriptors());
        let mut fds: Vec<PollFd<'_>> =
            wanted.iter().filter_map(|(fd, flags)| Some(PollFd::from_borrowed_fd((*fd)?, *flags))).collect();
        retry_on_intr(|| poll(&mut fds, limit))?;
        let mut found = fds.iter().map(PollFd::revents);
        let mut all = wanted.iter().map(|(fd, _)| fd.and_then(|_| found.next()).unwrap_or(PollFlags::empty()));
        let mut next = || all.next().is_some_and(|flags| !flags.is_empty());
        let (ended, output, errors) = (next(), next(), next());
        Ok(Ready { ended, output, errors, fronts: all.collect() })
    }

    fn attend(&mut self, ready: &Ready, process: Option<BorrowedFd<'_>>) {
        let input = self.streams.input.as_ref().map(AsFd::as_fd);
        if self.fronts.attend(&ready.fronts, process, input) == Heard::Unread {
            // Our end of its pipe was the last.
            self.streams.output = None;
        }
    }

    fn carry(&mut self, ready: &Ready) {
        if ready.output && !self.carry_one(Source::Output) {
            self.streams.output = None;
        }
        if ready.errors && self.fronts.have_room() && !self.carry_one(Source::Errors) {
            self.streams.errors = None;
        }
    }

    /// Reads once and passes it on; `false` at the stream's end. EIO is how a console ends.
    fn carry_one(&mut self, source: Source) -> bool {
        let stream = match source {
            Source::Output => &self.streams.output,
            Source::Errors => &self.streams.errors,
        };
        let Some(fd) = stream else { return false };
        self.buffer.resize(PAYLOAD_BYTES_MAX, 0);
        match retry_on_intr(|| read(fd, &mut self.buffer)) {
            Ok(0) | Err(Errno::IO) => false,
            Ok(length) => {
                let bytes = &self.buffer[..length];
                self.recorder.record(source, bytes);
                if self.fronts.are_listening() {
                    let frame = match source {
                        Source::Output => Frame::Output,
                        Source::Errors => Frame::Errors,
                    };
                    self.fronts.tell(&frame(bytes.to_vec()).encode());
                }
                true
            }
            Err(Errno::AGAIN) => true,
            Err(_) => false,
        }
    }
}
