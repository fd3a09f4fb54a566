//! Our signals that are for the container. See signal(7).

use nix::sys::signal::{SigSet, Signal};

/// Signals that are for the container: not those that can't be caught, nor what says something about us.
pub(super) fn passed_on() -> SigSet {
    let mut caught = SigSet::all();
    for ours in [Signal::SIGKILL, Signal::SIGSTOP, Signal::SIGCHLD, Signal::SIGPIPE, Signal::SIGURG] {
        caught.remove(ours);
    }
    for fault in [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGFPE, Signal::SIGILL] {
        caught.remove(fault);
    }
    caught
}
