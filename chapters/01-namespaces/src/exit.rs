//! How a container's process ended, and what a command that ran it exits with.

use conex_kernel::Error;
use rustix::process::WaitIdStatus;

/// The end of a process. See wait(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It returned this status.
    Code(u8),
    /// This signal killed it.
    Signal(u8),
}

impl Exit {
    pub(crate) fn of(status: WaitIdStatus) -> Self {
        let byte = |number: i32| u8::try_from(number).unwrap_or(255);
        match status.terminating_signal() {
            Some(signal) => Self::Signal(byte(signal)),
            None => Self::Code(status.exit_status().map_or(255, byte)),
        }
    }

    /// As a shell tells it: the status, or 128 and the signal's number.
    pub fn status(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128_u8.saturating_add(signal),
        }
    }
}

/// A container that is gone.
#[derive(Debug)]
pub struct Finished {
    /// How its process ended.
    pub exit: Exit,
    /// What could not be cleaned up.
    pub leftovers: Vec<Error>,
}

/// The status of a command whose container could not run: 127 if there is no such program, 126 if it can't be run, 125
/// for everything before.
pub fn exit_status(error: &Error) -> u8 {
    match error.errno() {
        _ if !error.operation.starts_with("exec ") => 125,
        Some(libc::ENOENT | libc::ENOTDIR) => 127,
        _ => 126,
    }
}
