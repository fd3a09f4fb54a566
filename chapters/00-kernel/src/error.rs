//! Errors as sentences: who asked, the call and its object, the errno. See errno(3).

use std::{fmt, io};

use nix::errno::Errno;

/// What `perform` and everything above it returns.
pub type Result<T> = std::result::Result<T, Error>;

/// An operation that failed: `volumes: mount data on srv: EINVAL (Invalid argument)`.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{part}: {operation}: {cause}{}", left_behind(leftovers))]
pub struct Error {
    /// The part that asked for the operation.
    pub part: String,
    /// The call and its object.
    pub operation: String,
    /// What the kernel, or the operation itself, answered.
    pub cause: Cause,
    /// What the user can do about it, where that is known.
    pub hint: Option<String>,
    /// What failed while the work was being undone, and so may still be there.
    pub leftovers: Vec<Error>,
}

fn left_behind(leftovers: &[Error]) -> String {
    leftovers.iter().map(|error| format!("; left behind: {error}")).collect()
}

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The kernel's error number.
    Errno(i32),
    /// A sentence: refused before the kernel was asked, or a panic's text.
    Said(String),
}

impl Error {
    /// An error of `part` while doing `operation`.
    pub fn new(part: impl Into<String>, operation: impl fmt::Display, error: &io::Error) -> Self {
        let cause = error.raw_os_error().map_or_else(|| Cause::Said(error.to_string()), Cause::Errno);
        Self { part: part.into(), operation: operation.to_string(), cause, hint: None, leftovers: Vec::new() }
    }

    /// A refusal in words, without asking the kernel.
    pub fn refused(part: impl Into<String>, operation: impl fmt::Display, why: impl Into<String>) -> Self {
        Self {
            part: part.into(),
            operation: operation.to_string(),
            cause: Cause::Said(why.into()),
            hint: None,
            leftovers: Vec::new(),
        }
    }

    /// The same error with advice, unless it already has some.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert(hint.into());
        self
    }

    /// The kernel's error number, if it was the kernel that refused.
    pub fn errno(&self) -> Option<i32> {
        match self.cause {
            Cause::Errno(errno) => Some(errno),
            Cause::Said(_) => None,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errno(errno) => f.write_str(&errno_words(*errno)),
            Self::Said(text) => f.write_str(text),
        }
    }
}

/// `EINVAL (Invalid argument)` for 22.
pub fn errno_words(errno: i32) -> String {
    let known = Errno::from_raw(errno);
    match known {
        Errno::UnknownErrno => format!("errno {errno}"),
        _ => format!("{known:?} ({})", known.desc()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_a_sentence_of_part_operation_and_errno() {
        let error = Error::new("volumes", "mount data on srv", &io::Error::from_raw_os_error(libc::EINVAL));
        assert_eq!(error.to_string(), "volumes: mount data on srv: EINVAL (Invalid argument)");
        assert_eq!(error.errno(), Some(libc::EINVAL));
    }

    #[test]
    fn the_first_hint_stays() {
        let error = Error::refused("a", "b", "c").with_hint("first").with_hint("second");
        assert_eq!(error.hint.as_deref(), Some("first"));
    }

    #[test]
    fn an_unknown_errno_is_given_as_a_number() {
        assert_eq!(errno_words(4000), "errno 4000");
    }
}
