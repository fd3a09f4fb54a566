//! The caller's terminal: raw mode, its size, and the relay between it and a container's console. See termios(3).

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use nix::sys::{
    signal::{SigSet, Signal},
    signalfd::{SfdFlags, SignalFd},
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::{Errno, ioctl_fionbio, read, retry_on_intr, write},
    stdio::{stdin, stdout},
    termios::{OptionalActions, Termios, Winsize, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize},
};

/// A terminal in raw mode; as it was before when this is dropped.
pub struct RawMode {
    before: Termios,
}

impl RawMode {
    /// Puts standard input's terminal into raw mode.
    pub fn enter() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // Nothing better can be done for a terminal that has gone away.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}

/// Rows and columns of a terminal; `None` where it has no size.
pub fn size_of(terminal: BorrowedFd<'_>) -> Option<(u16, u16)> {
    tcgetwinsize(terminal).ok().map(|size| (size.ws_row, size.ws_col)).filter(|size| *size != (0, 0))
}

/// Why a relay came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relayed {
    /// The container's process ended, or the last user of its console did.
    Ended,
    /// This signal asked us to end: the terminal must be put in order first.
    Interrupted(u8),
}

/// Copies between the caller's terminal and a console, until the console's last user or the process behind `pidfd` is
/// gone: what it left in the background may keep the console. Window sizes follow.
pub fn relay(console: &OwnedFd, pidfd: BorrowedFd<'_>) -> io::Result<Relayed> {
    let mut caught = SigSet::empty();
    for signal in [Signal::SIGWINCH, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT] {
        caught.add(signal);
    }
    caught.thread_block()?;
    let signals = SignalFd::with_flags(&caught, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    // A program that reads nothing fills its console; it must not keep its output from us meanwhile.
    ioctl_fionbio(console, true)?;
    let mut typed = Typed { waiting: Vec::new(), open: true };
    loop {
        let (console_fd, stdin_fd, signals_fd) = (console.as_fd(), stdin(), signals.as_fd());
        let of_console = if typed.waiting.is_empty() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
        let mut fds = vec![
            PollFd::new(&console_fd, of_console),
            PollFd::new(&signals_fd, PollFlags::IN),
            PollFd::new(&pidfd, PollFlags::IN),
        ];
        if typed.open && typed.waiting.is_empty() {
            fds.push(PollFd::new(&stdin_fd, PollFlags::IN));
        }
        retry_on_intr(|| poll(&mut fds, None))?;
        let ready: Vec<PollFlags> = fds.iter().map(PollFd::revents).collect();
        if !(ready[0] - PollFlags::OUT).is_empty() {
            if !show(console.as_fd())? {
                return Ok(Relayed::Ended);
            }
        } else if !ready[2].is_empty() {
            // Only once there is nothing left to show.
            return Ok(Relayed::Ended);
        }
        while let Some(signal) = signals.read_signal()? {
            match u8::try_from(signal.ssi_signo).unwrap_or_default() {
                number if i32::from(number) == libc::SIGWINCH => resize(console)?,
                number => return Ok(Relayed::Interrupted(number)),
            }
        }
        if ready.get(3).is_some_and(|ready| !ready.is_empty()) {
            typed.read()?;
        }
        typed.write(console.as_fd())?;
    }
}

fn resize(console: &OwnedFd) -> io::Result<()> {
    if let Some((ws_row, ws_col)) = size_of(stdin()) {
        tcsetwinsize(console, Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 })?;
    }
    Ok(())
}

/// More than any window shows at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// Copies the console's output that is there; `false` at its end. EIO is how a console says that its last user closed it.
fn show(console: BorrowedFd<'_>) -> io::Result<bool> {
    let mut buffer = [0; BUFFER_BYTES];
    let length = match retry_on_intr(|| read(console, &mut buffer)) {
        Ok(0) | Err(Errno::IO) => return Ok(false),
        Err(Errno::AGAIN) => return Ok(true),
        other => other?,
    };
    let mut rest = &buffer[..length];
    while !rest.is_empty() {
        match retry_on_intr(|| write(stdout(), rest)) {
            Ok(written) => rest = &rest[written..],
            // Another program that has this terminal open made it non-blocking.
            Err(Errno::AGAIN) => _ = retry_on_intr(|| poll(&mut [PollFd::new(&stdout(), PollFlags::OUT)], None))?,
            Err(other) => return Err(other.into()),
        }
    }
    Ok(true)
}

/// What was typed and not yet taken.
struct Typed {
    waiting: Vec<u8>,
    open: bool,
}

impl Typed {
    fn read(&mut self) -> io::Result<()> {
        self.waiting.resize(BUFFER_BYTES, 0);
        let length = match retry_on_intr(|| read(stdin(), &mut self.waiting)) {
            // The end, or the caller's terminal hung up.
            Ok(0) | Err(Errno::IO) => {
                self.open = false;
                0
            }
            Err(Errno::AGAIN) => 0,
            other => other?,
        };
        self.waiting.truncate(length);
        Ok(())
    }

    fn write(&mut self, console: BorrowedFd<'_>) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        match retry_on_intr(|| write(console, &self.waiting)) {
            Ok(written) => drop(self.waiting.drain(..written)),
            Err(Errno::AGAIN) => {}
            // Nobody is left to read it; the end of the output tells.
            Err(Errno::IO) => self.waiting.clear(),
            Err(other) => return Err(other.into()),
        }
        Ok(())
    }
}
