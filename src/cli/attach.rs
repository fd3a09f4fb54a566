//! Being attached to a container: its output to ours, our input to it, our signals passed on, the terminal raw meanwhile.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use nix::sys::{
    signal::{SigSet, Signal},
    signalfd::{SfdFlags, SignalFd},
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::{Errno, ioctl_fionbio, read, retry_on_intr, write},
    stdio::{stderr, stdin, stdout},
    termios::{Winsize, tcsetwinsize},
};

use super::{detach::Keys, ending::Ending, explain::Explain, passed_on::passed_on};
use crate::{
    Failure, Frame, Result, Stream,
    kernel::{RawMode, size_of},
};

/// What is attached to what.
pub(super) struct Attach<'a> {
    /// The conversation with the shim.
    pub(super) stream: &'a Stream,
    /// Where our standard input goes: a pipe to the container, unless it has a terminal.
    pub(super) input: Option<OwnedFd>,
    /// Whether our standard input goes to the container's terminal.
    pub(super) types: bool,
    /// Which of the container's streams are shown.
    pub(super) shown: Shown,
    /// Whether our signals are passed on.
    pub(super) passes_signals: bool,
    /// The keys that detach.
    pub(super) keys: Keys,
    /// Whether the container is removed once it has ended: only then are we done.
    pub(super) removes: bool,
    /// Whoever prints operations.
    pub(super) narration: Option<&'a Explain>,
}

/// Which streams are shown.
#[derive(Clone, Copy)]
pub(super) struct Shown {
    pub(super) output: bool,
    pub(super) errors: bool,
}

/// More than any terminal or pipe gives at once.
const BUFFER_BYTES: usize = 64 << 10;

/// What changes while we are attached.
struct State {
    console: Option<OwnedFd>,
    raw: Option<RawMode>,
    /// What was read from our standard input and not yet taken.
    waiting: Vec<u8>,
    /// What the container wrote and our reader has not yet taken.
    unshown: Unshown,
    reads: bool,
    status: Option<u8>,
}

impl Attach<'_> {
    /// Stays until the container has ended or the user has detached.
    pub(super) fn run(mut self) -> Result<Ending> {
        let failed = |error: io::Error| Failure::io("stay attached", &error);
        let signals = self.catch_signals().map_err(failed)?;
        let reads = self.input.is_some() || self.types;
        let unshown = Unshown { bytes: Vec::new(), is_errors: false };
        let mut state = State { console: None, raw: None, waiting: Vec::new(), unshown, reads, status: None };
        if let Some(input) = &self.input {
            // A container that reads nothing must not keep its output from us.
            ioctl_fionbio(input, true).map_err(|errno| failed(errno.into()))?;
        }
        loop {
            let ready = self.wait(&state, &signals).map_err(failed)?;
            if ready.signal {
                self.pass_signals(&signals, &state).map_err(failed)?;
            }
            if ready.input && self.read_input(&mut state) {
                return Ok(Ending::Detached);
            }
            self.write_input(&mut state);
            if ready.output {
                self.show(&mut state.unshown);
            }
            if ready.frame
                && let Some(ending) = self.take_frame(&mut state)?
            {
                return Ok(ending);
            }
        }
    }

    /// All that docker passes on; SIGWINCH is ours.
    fn catch_signals(&self) -> io::Result<SignalFd> {
        let mut caught = SigSet::empty();
        caught.add(Signal::SIGWINCH);
        if self.passes_signals {
            caught = passed_on();
        }
        caught.thread_block()?;
        Ok(SignalFd::with_flags(&caught, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?)
    }

    fn wait(&self, state: &State, signals: &SignalFd) -> io::Result<Ready> {
        let target = state.console.as_ref().or(self.input.as_ref());
        let reads = state.reads && state.waiting.is_empty() && target.is_some();
        let writes = !state.waiting.is_empty();
        let (of_stdin, of_target) = (stdin(), target.map(AsFd::as_fd).filter(|_| writes));
        // Nothing more is taken from the container while our reader has not taken what is there.
        let shows = !state.unshown.bytes.is_empty();
        let (of_output, of_errors) = (stdout(), stderr());
        let source = match (shows, state.unshown.is_errors) {
            (false, _) => PollFd::from_borrowed_fd(self.stream.descriptor(), PollFlags::IN),
            (true, false) => PollFd::from_borrowed_fd(of_output, PollFlags::OUT),
            (true, true) => PollFd::from_borrowed_fd(of_errors, PollFlags::OUT),
        };
        let mut fds = vec![source, PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN)];
        if reads {
            fds.push(PollFd::from_borrowed_fd(of_stdin, PollFlags::IN));
        }
        if let Some(target) = of_target {
            fds.push(PollFd::from_borrowed_fd(target, PollFlags::OUT));
        }
        retry_on_intr(|| poll(&mut fds, None))?;
        let ready = |n: usize| !fds[n].revents().is_empty();
        let source = ready(0);
        Ok(Ready { frame: source && !shows, output: source && shows, signal: ready(1), input: reads && ready(2) })
    }

    fn pass_signals(&self, signals: &SignalFd, state: &State) -> io::Result<()> {
        while let Some(signal) = signals.read_signal()? {
            let number = i32::try_from(signal.ssi_signo).unwrap_or_default();
            if number != Signal::SIGWINCH as i32 {
                // A shim that is gone is told by the stream's end.
                let _ = self.stream.send(&Frame::Signal(number), None);
            } else if let (Some(console), Some((ws_row, ws_col))) = (&state.console, size_of(stdin())) {
                tcsetwinsize(console, Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 })?;
            }
        }
        Ok(())
    }

    /// Whether the user typed the keys that detach.
    fn read_input(&mut self, state: &mut State) -> bool {
        let mut buffer = vec![0; BUFFER_BYTES];
        let length = match retry_on_intr(|| read(stdin(), &mut buffer)) {
            Err(Errno::AGAIN) => return false,
            // A directory, or a terminal that hung up: there is nothing to read from it.
            Err(_) => 0,
            Ok(length) => length,
        };
        if length == 0 {
            state.reads = false;
            // Only our side closes: what the container still has to say goes on.
            self.input = None;
            return false;
        }
        buffer.truncate(length);
        if state.console.is_none() {
            state.waiting = buffer;
            return false;
        }
        let (typed, detached) = self.keys.filter(&buffer);
        state.waiting = typed;
        detached
    }

    fn write_input(&mut self, state: &mut State) {
        let Some(target) = state.console.as_ref().or(self.input.as_ref()) else { return };
        if state.waiting.is_empty() {
            return;
        }
        match retry_on_intr(|| write(target, &state.waiting)) {
            Ok(written) => drop(state.waiting.drain(..written)),
            Err(Errno::AGAIN) => {}
            // Nobody reads any more: the rest of our input is for nobody.
            Err(_) => {
                state.waiting.clear();
                state.reads = false;
                self.input = None;
            }
        }
    }

    fn take_frame(&mut self, state: &mut State) -> Result<Option<Ending>> {
        let received = self.stream.receive().map_err(|error| Failure::io("listen to the shim", &error))?;
        let Some((frame, descriptor)) = received else {
            return Ok(Some(state.status.take().map_or(Ending::Lost, Ending::Status)));
        };
        match frame {
            Frame::Started => self.started(state, descriptor)?,
            Frame::Output(bytes) if self.shown.output => state.unshown = Unshown { bytes, is_errors: false },
            Frame::Errors(bytes) if self.shown.errors => state.unshown = Unshown { bytes, is_errors: true },
            Frame::Told(record) => {
                if let Some(narration) = self.narration {
                    narration.tell(record);
                }
            }
            Frame::Failed(failure) => {
                state.raw = None;
                self.finish_narration();
                state.status = Some(super::errors::fail(&failure));
            }
            Frame::Exited(code) => {
                state.raw = None;
                state.status = Some(code);
            }
            Frame::Removed => return Ok(Some(state.status.map_or(Ending::Lost, Ending::Status))),
            _ => {}
        }
        // The facts are written before the last word; what remains is only the shim's own end.
        let done = state.status.filter(|_| !self.removes);
        Ok(done.map(Ending::Status))
    }

    /// Shows as much as a pipe with room takes without making us wait: signals must get through.
    fn show(&mut self, unshown: &mut Unshown) {
        let length = unshown.bytes.len().min(PIPE_BUF);
        let piece = &unshown.bytes[..length];
        let written = match unshown.is_errors {
            false => retry_on_intr(|| write(stdout(), piece)),
            true => retry_on_intr(|| write(stderr(), piece)),
        };
        match written {
            Ok(written) => drop(unshown.bytes.drain(..written)),
            Err(Errno::AGAIN) => {}
            // Nobody reads it any more.
            Err(_) if unshown.is_errors => {
                self.shown.errors = false;
                unshown.bytes.clear();
            }
            Err(_) => {
                self.shown.output = false;
                unshown.bytes.clear();
                // A shim that is gone is told by the stream's end.
                let _ = self.stream.send(&Frame::Unread, None);
            }
        }
    }

    fn started(&mut self, state: &mut State, descriptor: Option<OwnedFd>) -> Result<()> {
        self.finish_narration();
        let Some(console) = descriptor else { return Ok(()) };
        if !rustix::termios::isatty(&console) {
            // Of a container that was begun by somebody else: a pipe to it.
            ioctl_fionbio(&console, true).map_err(|errno| Failure::io("use its input", &errno.into()))?;
            state.reads = self.types;
            self.input = Some(console).filter(|_| self.types);
            return Ok(());
        }
        ioctl_fionbio(&console, true).map_err(|errno| Failure::io("use the console", &errno.into()))?;
        if self.types && rustix::termios::isatty(stdin()) {
            let raw = RawMode::enter().map_err(|error| Failure::io("set the terminal to raw mode", &error))?;
            state.raw = Some(raw);
        }
        state.console = Some(console);
        Ok(())
    }

    fn finish_narration(&self) {
        if let Some(narration) = self.narration {
            narration.finish();
        }
    }
}

struct Ready {
    frame: bool,
    output: bool,
    signal: bool,
    input: bool,
}

/// Output on its way to our reader; one stream's at a time.
struct Unshown {
    bytes: Vec<u8>,
    is_errors: bool,
}

/// A pipe that is ready to be written takes this much at once. See pipe(7).
const PIPE_BUF: usize = 4096;
