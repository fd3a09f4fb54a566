//! A signal to a process, of any number. Whatever it does is the receiver's, so it is no operation. See
//! pidfd_send_signal(2).

use std::{io, os::fd::BorrowedFd};

use crate::sys;

/// Sends it; also one that has a number alone, from 34 to 64.
pub fn signal_process(pidfd: BorrowedFd<'_>, number: i32) -> io::Result<()> {
    sys::signal_process(pidfd, number)
}
