//! What can go wrong with an image, each as a sentence: what was done, to what, and why it failed. See errno(3).

use std::{fmt, io, path::PathBuf};

use conex_kernel::errno_words;

use crate::Digest;

/// What this crate returns.
pub type Result<T> = std::result::Result<T, Error>;

/// An image that can't be used, or a system that can't hold it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A call failed.
    #[error("{doing}: {}", said(.error))]
    System {
        /// The call and its object.
        doing: String,
        /// What it said.
        error: io::Error,
    },
    /// Content that has not the digest by which it was asked for.
    #[error("read {what}: its content is {found}, not {expected}")]
    WrongDigest {
        /// What was read.
        what: String,
        /// By which it was asked for.
        expected: Digest,
        /// What it has.
        found: Digest,
    },
    /// Content that is shorter or longer than was said.
    #[error("read {what}: it has {} {found} bytes, not {expected}", if found > expected { "at least" } else { "only" })]
    WrongSize {
        /// What was read.
        what: String,
        /// How many bytes it should have.
        expected: u64,
        /// How many were seen.
        found: u64,
    },
    /// A manifest, an index or a config that is none.
    #[error("read {what}: {why}")]
    Document {
        /// Which one.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// A tar archive that is none.
    #[error("read the archive: {0}")]
    Archive(String),
    /// An entry of an archive that can't be, or must not be, applied.
    #[error("apply {}: {why}", .path.display())]
    Entry {
        /// Its name in the archive.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// A file of an upper directory that no layer can hold.
    #[error("put {} into a layer: {why}", .path.display())]
    Upper {
        /// Where it is.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// More than is good for us.
    #[error("read the archive: {0}")]
    TooMuch(#[from] Limit),
}

/// A limit that was passed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Of entries, extended headers among them.
    #[error("it has more than {0} entries")]
    Entries(u64),
    /// Of the bytes of a name.
    #[error("a name in it has more than {0} bytes")]
    Name(usize),
    /// Of the bytes of one extended header.
    #[error("an extended header in it has more than {0} bytes")]
    Header(u64),
    /// Of the bytes that directories and late links take in memory until the end.
    #[error("its directories take more than {0} bytes of memory")]
    Held(u64),
    /// Of the bytes that a layer expands to.
    #[error("it expands to more than {0} bytes")]
    Expanded(u64),
    /// Of the bytes that each byte of a layer expands to.
    #[error("it expands to more than {ratio} times its {size} bytes")]
    Ratio {
        /// How many times is accepted.
        ratio: u64,
        /// Of how many bytes.
        size: u64,
    },
}

impl Error {
    /// A call that failed; or, where one of our own readers was below it, what that one said.
    pub(crate) fn system(doing: impl fmt::Display, error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(|error| Self::System { doing: doing.to_string(), error })
    }

    pub(crate) fn document(what: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self::Document { what: what.to_string(), why: why.to_string() }
    }
}

/// Adds to a call's error what was called.
pub(crate) trait Doing<T> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<io::Error>> Doing<T> for std::result::Result<T, E> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::system(doing(), error.into()))
    }
}

/// For readers between ours, which know only such errors.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}

impl From<Error> for conex_kernel::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::System { doing, error } => Self::new("image", doing, &error),
            other => {
                let text = other.to_string();
                let (doing, why) = text.split_once(": ").unwrap_or(("use it", &text));
                Self::refused("image", doing, why)
            }
        }
    }
}

fn said(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), errno_words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_a_sentence_of_call_object_and_errno() {
        let failed: io::Result<()> = Err(io::Error::from_raw_os_error(libc::ENOENT));
        let error = failed.doing(|| "read blob sha256:00".into()).expect_err("it failed");
        assert_eq!(error.to_string(), "read blob sha256:00: ENOENT (No such file or directory)");
    }

    #[test]
    fn what_a_reader_of_ours_said_is_not_lost_on_its_way() {
        let below = io::Error::from(Error::TooMuch(Limit::Entries(5)));
        let error = Error::system("inflate", below);
        assert!(matches!(error, Error::TooMuch(Limit::Entries(5))), "{error}");
    }
}
