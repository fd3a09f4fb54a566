//! The work of pid 1: pass signals on to one process, and reap every process that ends. See pid_namespaces(7), wait(2).

use std::io;

use nix::{
    errno::Errno,
    sys::{
        signal::{SigSet, Signal, kill},
        signalfd::{SfdFlags, SignalFd},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::sys;

/// Makes sure that children have a status when they end, whatever our own caller ignores. For the start of a program.
pub fn expect_children() {
    sys::reset_sigchld();
}

/// Blocks every signal, so that none that comes before [`serve_as_init`] is lost.
pub fn block_signals() -> io::Result<()> {
    Ok(SigSet::all().thread_block()?)
}

/// For a child that is to become a program: a mask outlives exec.
pub fn unblock_signals() -> io::Result<()> {
    Ok(SigSet::all().thread_unblock()?)
}

/// Turns this process into the init of `program`, its child: it lets go of everything that it has open, serves until
/// the program ends, and ends with its status. Signals must be blocked.
pub fn serve_as_init(program: i32) -> ! {
    sys::close_from_and_serve(0, || serve(program).unwrap_or(u8::MAX))
}

fn serve(program: i32) -> io::Result<u8> {
    let signals = SignalFd::with_flags(&SigSet::all(), SfdFlags::SFD_CLOEXEC)?;
    loop {
        let Some(info) = signals.read_signal()? else { continue };
        match i32::try_from(info.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok()) {
            Some(Signal::SIGCHLD) => {
                if let Some(status) = reap(program)? {
                    return Ok(status);
                }
            }
            // A program that has just ended is reaped by the SIGCHLD that follows.
            Some(signal) => _ = kill(Pid::from_raw(program), signal),
            // Real-time signals have no name here, and no use between a container and its init.
            None => {}
        }
    }
}

/// Reaps all that have ended; the status of `program` if it is among them.
fn reap(program: i32) -> io::Result<Option<u8>> {
    let mut ended = None;
    loop {
        let (pid, status) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => (pid, u8::try_from(code & 0xff).unwrap_or(255)),
            Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, 128 + signal as u8),
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(ended),
            Ok(_) | Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        };
        if pid.as_raw() == program {
            ended = Some(status);
        }
    }
}
