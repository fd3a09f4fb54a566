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
    io::{Errno, read, retry_on_intr, write},
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

/// Copies between the caller's terminal and a console until the console's last user is gone. Window sizes follow.
pub fn relay(console: &OwnedFd) -> io::Result<()> {
    let mut winch = SigSet::empty();
    winch.add(Signal::SIGWINCH);
    winch.thread_block()?;
    let resized = SignalFd::with_flags(&winch, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    let mut input_open = true;
    loop {
        let (console_fd, stdin_fd, resized_fd) = (console.as_fd(), stdin(), resized.as_fd());
        let mut fds = vec![PollFd::new(&console_fd, PollFlags::IN), PollFd::new(&resized_fd, PollFlags::IN)];
        if input_open {
            fds.push(PollFd::new(&stdin_fd, PollFlags::IN));
        }
        retry_on_intr(|| poll(&mut fds, None))?;
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        if ready[0] && !copy(console.as_fd(), stdout())? {
            return Ok(());
        }
        if ready[1] {
            while resized.read_signal()?.is_some() {}
            if let Some((ws_row, ws_col)) = size_of(stdin()) {
                tcsetwinsize(console, Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 })?;
            }
        }
        if ready.get(2) == Some(&true) {
            input_open = copy(stdin(), console.as_fd())?;
        }
    }
}

/// Copies what is there; `false` at the end. EIO is how a console says that its last user closed it.
fn copy(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<bool> {
    let mut buffer = [0; 64 * 1024];
    let length = match retry_on_intr(|| read(from, &mut buffer)) {
        Ok(0) | Err(Errno::IO) => return Ok(false),
        other => other?,
    };
    let mut rest = &buffer[..length];
    while !rest.is_empty() {
        let written = retry_on_intr(|| write(to, rest))?;
        rest = &rest[written..];
    }
    Ok(true)
}
