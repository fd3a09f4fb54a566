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
    beside::Beside,
    fronts::{Fronts, Heard},
    recorder::{Recorder, Source},
    still::Still,
    streams::Streams,
};
use crate::stream::{Frame, PAYLOAD_BYTES_MAX};

pub(super) struct Relay<'a> {
    fronts: Fronts,
    streams: Streams,
    recorder: Recorder,
    beside: Beside<'a>,
    still: Still<'a>,
    buffer: Vec<u8>,
}

/// What poll found ready.
struct Ready {
    ended: bool,
    output: bool,
    errors: bool,
    beside: Vec<bool>,
    fronts: Vec<PollFlags>,
}

impl<'a> Relay<'a> {
    pub(super) fn new(
        fronts: Fronts,
        streams: Streams,
        recorder: Recorder,
        beside: Beside<'a>,
        still: Still<'a>,
    ) -> Self {
        Self { fronts, streams, recorder, beside, still, buffer: Vec::new() }
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
    pub(super) fn into_fronts(mut self) -> Fronts {
        self.beside.finish();
        self.fronts
    }

    fn wait(&self, pidfd: Option<BorrowedFd<'_>>, limit: Option<&Timespec>) -> io::Result<Ready> {
        let reads = self.fronts.have_room();
        let mut wanted = vec![
            (pidfd, PollFlags::IN),
            (self.streams.output.as_ref().map(AsFd::as_fd).filter(|_| reads), PollFlags::IN),
            (self.streams.errors.as_ref().map(AsFd::as_fd).filter(|_| reads), PollFlags::IN),
        ];
        wanted.extend(self.beside.descriptors().map(|pidfd| (Some(pidfd), PollFlags::IN)));
        let others = wanted.len();
        wanted.extend(self.fronts.descriptors());
        let mut fds: Vec<PollFd<'_>> =
            wanted.iter().filter_map(|(fd, flags)| Some(PollFd::from_borrowed_fd((*fd)?, *flags))).collect();
        retry_on_intr(|| poll(&mut fds, limit))?;
        let mut found = fds.iter().map(PollFd::revents);
        let all = wanted.iter().map(|(fd, _)| fd.and_then(|_| found.next()).unwrap_or(PollFlags::empty()));
        let mut all: Vec<PollFlags> = all.collect();
        let fronts = all.split_off(others);
        let mut ready = all.into_iter().map(|flags| !flags.is_empty());
        let mut next = || ready.next().unwrap_or_default();
        let (ended, output, errors) = (next(), next(), next());
        Ok(Ready { ended, output, errors, beside: ready.collect(), fronts })
    }

    fn attend(&mut self, ready: &Ready, process: Option<BorrowedFd<'_>>) {
        let input = self.streams.input.as_ref().map(AsFd::as_fd);
        self.beside.reap(&ready.beside);
        for heard in self.fronts.attend(&ready.fronts, input) {
            match heard {
                Heard::Nothing => {}
                // Our end of its pipe was the last.
                Heard::Unread => self.streams.output = None,
                // It would be born standing still, and we would wait for it.
                Heard::Exec(_, _, front) if self.still.refuses(&front) => {}
                Heard::Exec(asked, lent, front) => self.beside.begin(&asked, &lent, &front),
                Heard::Signal(signal, front) if self.beside.signal(&front, signal) => {}
                // It may have just ended; then that is what happens.
                Heard::Signal(signal, _) => drop(process.map(|process| signal.send(process))),
                Heard::Freeze(front) => self.still.read(&front),
                Heard::Pause(front) => self.still.pause(&front),
                Heard::Resume(front) => self.still.resume(&front),
                Heard::Gone(front) => {
                    self.beside.forget(&front);
                    self.still.forget(&front);
                }
            }
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
