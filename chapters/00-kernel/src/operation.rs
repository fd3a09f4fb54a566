//! What an operation is: one change to the kernel's state, as a value that can run and say what it is.
//!
//! The operations themselves are in `operations`; who performs them is in `kernel`.

use std::{fmt, io};

/// One change to namespaces, mounts, links, devices, credentials, limits or processes.
///
/// `Display` is the call and its object, as an error should name them: `mount proc on /proc`.
pub trait Operation: fmt::Display {
    /// What a successful run gives: a descriptor, a process, mostly nothing.
    type Output;

    /// Whether a successful run comes back; exec does not, and so is told before it runs.
    const RETURNS: bool = true;

    /// Makes the change. Errors carry the kernel's errno, or a sentence for what the operation itself refuses.
    fn run(&self) -> io::Result<Self::Output>;

    /// Stands in for `run` in a dry run: changes nothing, and gives something that later operations accept.
    fn pretend(&self) -> io::Result<Self::Output>;

    /// The shell command that does the same.
    fn command(&self) -> Equivalent;
}

/// How near a shell command comes to an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Equivalent {
    /// Run in the operation's place, this command leaves the kernel in the same state.
    Exact(String),
    /// This command does nearly the same; the book says what differs.
    Approximate(String),
    /// No command does this; the text says why.
    None(&'static str),
}

impl Equivalent {
    /// An exact equivalent.
    pub fn exact(command: impl Into<String>) -> Self {
        Self::Exact(command.into())
    }

    /// An approximate equivalent.
    pub fn approximate(command: impl Into<String>) -> Self {
        Self::Approximate(command.into())
    }

    /// `exact`, `approximate` or `none`: the word that the narration uses.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Exact(_) => "exact",
            Self::Approximate(_) => "approximate",
            Self::None(_) => "none",
        }
    }

    /// The command, or the reason why there is none.
    pub fn text(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Approximate(text) => text,
            Self::None(why) => why,
        }
    }
}
