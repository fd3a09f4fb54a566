//! What the engine answers when it can't: a sentence, advice, and the exit status that docker's users know.

use std::{any::Any, fmt, io};

use crate::{
    kernel::{Error, panic_text},
    namespaces::exit_status,
};

/// What every verb of the engine returns.
pub type Result<T> = std::result::Result<T, Failure>;

/// A refusal or a failure. Its text begins in lower case and ends without a stop.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What happened, to what, and why.
    pub message: String,
    /// What to do about it: mostly a command to copy.
    pub hint: Option<String>,
    /// The exit status of `run`: 125 for the engine's own failures, 126 and 127 for a program that can't be run.
    pub status: u8,
}

/// The engine itself failed, or was asked for what it can't do.
const ENGINE: u8 = 125;

const NO_SPACE: &str = "make room where conex keeps its state, or choose another place: --root DIR --run-root DIR";

impl Failure {
    /// A failure of the engine.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, status: ENGINE }
    }

    /// A file operation that failed: `write /x: ENOSPC (No space left on device)`.
    pub fn io(operation: impl fmt::Display, error: &io::Error) -> Self {
        let cause = error.raw_os_error().map_or_else(|| error.to_string(), crate::kernel::errno_words);
        let failure = Self::new(format!("{operation}: {cause}"));
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => failure.with_hint(NO_SPACE),
            _ => failure,
        }
    }

    /// A panic: a floor that a learner has still to write, or a bug.
    pub fn of_panic(payload: &(dyn Any + Send)) -> Self {
        Self::new(format!("panic: {}", panic_text(payload)))
    }

    /// The same with advice.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { message: error.to_string(), hint: error.hint.clone(), status: exit_status(&error) }
    }
}
