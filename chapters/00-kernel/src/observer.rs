//! Who may look on while operations are performed: the narration, and in tests the fault injector.

use std::{borrow::Cow, fmt, io, time::Duration};

use crate::Equivalent;

/// On which side of the clone an operation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// In the process that makes the container.
    Host,
    /// In the container's first process, before it becomes the user's.
    Container,
}

/// An operation that is about to run.
pub struct Step<'a> {
    /// Where it will run.
    pub side: Side,
    /// The part that asked for it.
    pub part: &'static str,
    /// Its call and object.
    pub operation: &'a dyn fmt::Display,
}

/// An operation that has run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it ran.
    pub side: Side,
    /// The part that asked for it.
    pub part: Cow<'static, str>,
    /// Its call and object.
    pub operation: String,
    /// The shell command that does the same, by word and text.
    pub equivalent: (Cow<'static, str>, String),
    /// How long it took.
    pub took: Duration,
    /// The kernel's answer, if it failed.
    pub failure: Option<String>,
}

impl Record {
    pub(crate) fn new(step: &Step<'_>, equivalent: &Equivalent, took: Duration, failure: Option<String>) -> Self {
        let equivalent = (Cow::Borrowed(equivalent.word()), equivalent.text().to_owned());
        let operation = step.operation.to_string();
        Self { side: step.side, part: Cow::Borrowed(step.part), operation, equivalent, took, failure }
    }
}

/// Sees every operation before and after it runs.
pub trait Observer {
    /// Called before an operation; an error takes the operation's place and it does not run.
    fn before(&self, _step: &Step<'_>) -> io::Result<()> {
        Ok(())
    }

    /// Called after an operation, on the host's side; the container's records arrive through the pair.
    fn after(&self, _record: Record) {}
}
