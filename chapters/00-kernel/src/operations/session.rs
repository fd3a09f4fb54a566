//! Sessions, process groups, and who has the terminal. See setsid(2), setpgid(2), tcsetpgrp(3), credentials(7).

use std::{fmt, io};

use rustix::{
    process::{getpgrp, setpgid, setsid},
    stdio::stdin,
    termios::{isatty, tcsetpgrp},
};

use crate::{Equivalent, Operation, sys};

/// Starts a new session: without it a container could push input into the caller's terminal (TIOCSTI).
pub struct NewSession;

impl fmt::Display for NewSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("setsid")
    }
}

impl Operation for NewSession {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        setsid()?;
        // A shell that starts a background job has ignored signals and a mask of its own; the container starts clean.
        sys::reset_signals()
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::approximate("setsid sh")
    }
}

/// Makes this process the leader of a group of its own, the one in the foreground if there is a terminal: what is typed
/// reaches it and not its parent.
pub struct NewForegroundGroup;

impl fmt::Display for NewForegroundGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("setpgid, tcsetpgrp")
    }
}

impl Operation for NewForegroundGroup {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        setpgid(None, None)?;
        match isatty(stdin()) {
            true => Ok(tcsetpgrp(stdin(), getpgrp())?),
            false => Ok(()),
        }
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::approximate("set -m; sh &")
    }
}
