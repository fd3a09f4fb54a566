//! Signals, by name and number. See signal(7).

use std::{io, os::fd::BorrowedFd};

use crate::{
    failure::{Failure, Result},
    kernel::signal_process,
};

/// A signal that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(i32);

/// The first and the last that have no name. The kernel has two more, which the C library keeps for itself.
const REAL_TIME: (i32, i32) = (34, 64);

impl Signal {
    /// Asks a process to end.
    pub const TERM: Self = Self(libc::SIGTERM);
    /// Ends a process.
    pub const KILL: Self = Self(libc::SIGKILL);

    /// By name, with or without SIG, or by number: `TERM`, `SIGTERM`, `15`, `RTMIN+3`.
    pub fn parse(text: &str) -> Result<Self> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let number = text.parse().ok().or_else(|| real_time(name)).or_else(|| named(name));
        number.and_then(Self::of).ok_or_else(|| {
            let failure = Failure::new(format!("there is no signal {text:?}"));
            failure.with_hint("signals are those of signal(7): TERM, SIGTERM, 15")
        })
    }

    /// Of a number, if there is one.
    pub(crate) fn of(number: i32) -> Option<Self> {
        let has_name = nix::sys::signal::Signal::try_from(number).is_ok();
        (has_name || (REAL_TIME.0..=REAL_TIME.1).contains(&number)).then_some(Self(number))
    }

    /// Sends it to a process.
    pub(crate) fn send(self, process: BorrowedFd<'_>) -> io::Result<()> {
        signal_process(process, self.0)
    }
}

fn named(name: &str) -> Option<i32> {
    Some(format!("SIG{name}").parse::<nix::sys::signal::Signal>().ok()? as i32)
}

fn real_time(name: &str) -> Option<i32> {
    let offset = |rest: &str| if rest.is_empty() { Some(0) } else { rest.parse::<i32>().ok() };
    let number = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(rest), _) => REAL_TIME.0 + offset(rest)?,
        (_, Some(rest)) => REAL_TIME.1 + offset(rest)?,
        _ => return None,
    };
    (REAL_TIME.0..=REAL_TIME.1).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        let words =
            [("TERM", 15), ("sigterm", 15), ("15", 15), ("KILL", 9), ("RTMIN", 34), ("SIGRTMIN+3", 37), ("37", 37)];
        for (text, number) in words.into_iter().chain([("rtmax-1", 63), ("RTMAX", 64)]) {
            assert_eq!(Signal::parse(text).expect("a signal"), Signal(number), "{text}");
        }
        for bad in ["", "SIG", "NOPE", "0", "65", "-1", "RTMIN+31", "RTMAX+1", "RTMIN-1", "32"] {
            assert!(Signal::parse(bad).is_err(), "{bad}");
        }
    }
}
