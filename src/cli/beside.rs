//! A program beside a container's own, and us attached to it: through pipes, since our own descriptors may be a terminal,
//! into which it could type; or on a terminal of its own.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::{CWD, Mode, OFlags, fchmod, openat},
    io::{Errno, ioctl_fionbio, read, retry_on_intr, write},
    pipe::{PipeFlags, pipe_with},
    stdio::{stderr, stdin, stdout},
    termios::isatty,
};

use super::passed_on::passed_on;
use crate::{
    Beside, Failure, Result, Signal,
    kernel::{RawMode, Relayed, relay},
};

/// On a console of its own, which is relayed to ours.
pub(super) fn on_a_terminal(begun: Beside) -> Result<u8> {
    if let Some(console) = &begun.console {
        let failed = |error: io::Error| Failure::io("relay the terminal", &error);
        let raw = isatty(stdin()).then(RawMode::enter).transpose().map_err(failed)?;
        let ended = relay(console, begun.process.as_fd()).map_err(failed)?;
        drop(raw);
        if let Relayed::Interrupted(signal) = ended {
            // It goes with us.
            return Ok(128 + signal);
        }
    }
    Ok(begun.wait())
}

/// Our input to it, if it shall have that; its output to ours, until it ends and no longer.
pub(super) fn through_pipes(
    begin: impl FnOnce([BorrowedFd<'_>; 3]) -> Result<Beside>,
    interactive: bool,
) -> Result<u8> {
    let failed = |error: io::Error| Failure::io("stay attached", &error);
    let ([input, their_input], [output, their_output], [errors, their_errors]) =
        pipes().map_err(|errno| failed(errno.into()))?;
    let their_input = if interactive { their_input } else { nothing()? };
    let begun = begin([their_input.as_fd(), their_output.as_fd(), their_errors.as_fd()])?;
    drop((their_input, their_output, their_errors));
    let mut carrying = Carrying {
        input: Some(input).filter(|_| interactive),
        waiting: Vec::new(),
        output: Some(output),
        errors: Some(errors),
    };
    carrying.run(begun.process.as_fd()).map_err(failed)?;
    Ok(begun.wait())
}

fn nothing() -> Result<OwnedFd> {
    let opened = openat(CWD, "/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
    opened.map_err(|errno| Failure::io("open /dev/null", &errno.into()))
}

type Ends = [OwnedFd; 2];

/// Ours and theirs of three pipes. Ours make nobody wait; theirs may be opened again by who gave up root.
fn pipes() -> rustix::io::Result<(Ends, Ends, Ends)> {
    let ends = |ours: OwnedFd, theirs: OwnedFd| -> rustix::io::Result<Ends> {
        ioctl_fionbio(&ours, true)?;
        fchmod(&theirs, Mode::from_raw_mode(0o666))?;
        Ok([ours, theirs])
    };
    let (theirs, ours) = pipe_with(PipeFlags::CLOEXEC)?;
    let input = ends(ours, theirs)?;
    let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
    let output = ends(ours, theirs)?;
    let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
    Ok((input, output, ends(ours, theirs)?))
}

/// What goes between us and it.
struct Carrying {
    input: Option<OwnedFd>,
    /// What was read and not yet taken.
    waiting: Vec<u8>,
    output: Option<OwnedFd>,
    errors: Option<OwnedFd>,
}

const BUFFER_BYTES: usize = 64 << 10;
/// What a program in the background goes on writing is not for us.
const DRAINED_MAX: usize = 64;

impl Carrying {
    /// Until it has ended and its output is here.
    fn run(&mut self, process: BorrowedFd<'_>) -> io::Result<()> {
        let caught = passed_on();
        caught.thread_block()?;
        let signals = SignalFd::with_flags(&caught, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        loop {
            let (of_stdin, waits) = (stdin(), !self.waiting.is_empty());
            let input = self.input.as_ref().map(AsFd::as_fd);
            let wanted = [
                (Some(process), PollFlags::IN),
                (Some(signals.as_fd()), PollFlags::IN),
                (self.output.as_ref().map(AsFd::as_fd), PollFlags::IN),
                (self.errors.as_ref().map(AsFd::as_fd), PollFlags::IN),
                (input.filter(|_| waits), PollFlags::OUT),
                (input.filter(|_| !waits).map(|_| of_stdin), PollFlags::IN),
            ];
            let mut fds: Vec<PollFd<'_>> =
                wanted.iter().filter_map(|(fd, flags)| Some(PollFd::from_borrowed_fd((*fd)?, *flags))).collect();
            retry_on_intr(|| poll(&mut fds, None))?;
            let mut found = fds.iter().map(|fd| !fd.revents().is_empty());
            let [ended, signal, output, errors, takes, typed] =
                wanted.map(|(fd, _)| fd.is_some() && found.next().unwrap_or_default());
            while let Some(signal) = signal.then(|| signals.read_signal()).transpose()?.flatten() {
                let signal = i32::try_from(signal.ssi_signo).ok().and_then(Signal::of);
                // It may have just ended.
                let _ = signal.map(|signal| signal.send(process));
            }
            if typed {
                self.read_input();
            }
            if takes || typed {
                self.write_input();
            }
            if output && !carry(&self.output, stdout()) {
                self.output = None;
            }
            if errors && !carry(&self.errors, stderr()) {
                self.errors = None;
            }
            if ended {
                self.drain();
                return Ok(());
            }
        }
    }

    fn read_input(&mut self) {
        let mut buffer = vec![0; BUFFER_BYTES];
        match retry_on_intr(|| read(stdin(), &mut buffer)) {
            Err(Errno::AGAIN) => {}
            Ok(0) | Err(_) => self.input = None,
            Ok(length) => {
                buffer.truncate(length);
                self.waiting = buffer;
            }
        }
    }

    fn write_input(&mut self) {
        let Some(input) = self.input.as_ref().filter(|_| !self.waiting.is_empty()) else { return };
        match retry_on_intr(|| write(input, &self.waiting)) {
            Ok(written) => drop(self.waiting.drain(..written)),
            Err(Errno::AGAIN) => {}
            // Nobody reads any more.
            Err(_) => {
                self.waiting.clear();
                self.input = None;
            }
        }
    }

    fn drain(&self) {
        for (from, to) in [(&self.output, stdout()), (&self.errors, stderr())] {
            let is_there = |fd: &OwnedFd| {
                let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
                poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&now)).is_ok_and(|ready| ready > 0)
            };
            let mut left = DRAINED_MAX;
            while left > 0 && from.as_ref().is_some_and(is_there) && carry(from, to) {
                left -= 1;
            }
        }
    }
}

/// Once; `false` at the end of either side.
fn carry(from: &Option<OwnedFd>, to: BorrowedFd<'_>) -> bool {
    let Some(from) = from else { return false };
    let mut buffer = vec![0; BUFFER_BYTES];
    let length = match retry_on_intr(|| read(from, &mut buffer)) {
        Err(Errno::AGAIN) => return true,
        Ok(0) | Err(_) => return false,
        Ok(length) => length,
    };
    let mut rest = &buffer[..length];
    while !rest.is_empty() {
        match retry_on_intr(|| write(to, rest)) {
            Ok(written) => rest = &rest[written..],
            // Another program that has it open made it non-blocking.
            Err(Errno::AGAIN) => {
                let _ = retry_on_intr(|| poll(&mut [PollFd::from_borrowed_fd(to, PollFlags::OUT)], None));
            }
            Err(_) => return false,
        }
    }
    true
}
