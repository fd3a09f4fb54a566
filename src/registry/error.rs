//! Why a registry did not do what it was asked for, and what helps.

use std::{fmt, io, time::Duration};

use crate::Failure;

/// What every request of a client returns.
pub type Result<T> = std::result::Result<T, Error>;

/// What each step of one gives.
pub(super) type Outcome<T> = std::result::Result<T, Reason>;

/// What was tried, and what was in the way: `pull manifest latest of localhost:5000/x: it is not there`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{attempt}: {reason}")]
pub struct Error {
    /// The verb and its object.
    pub attempt: String,
    /// What was in the way.
    pub reason: Reason,
}

/// A registry that wants to be left alone for longer is not waited for that long.
const WAIT_SECS_MAX: u64 = 60;

/// What was in the way. `said` is the registry's own message, with a colon before it, or empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// There is no such repository, image or blob; or a stranger must not know of it.
    #[error("it is not there{said}")]
    NotFound {
        /// The registry's message.
        said: String,
    },
    /// Nobody, or not this user with this password, may do that.
    #[error("{host} wants to know who you are{said}")]
    Unauthorized {
        /// The registry's host, as one logs in to it.
        host: String,
        /// The registry's message.
        said: String,
    },
    /// It knows who asks, and says no.
    #[error("{host} does not allow it{said}")]
    Denied {
        /// The registry's host.
        host: String,
        /// The registry's message.
        said: String,
    },
    /// Any other status than those that were expected.
    #[error("{host} answers with status {status}{said}")]
    Status {
        /// The registry's host.
        host: String,
        /// Of HTTP.
        status: u16,
        /// In how many seconds the registry wants to be asked again.
        wait_secs: Option<u64>,
        /// The registry's message.
        said: String,
    },
    /// Its name has no address.
    #[error("the name {host} can't be resolved")]
    NoSuchHost {
        /// The registry's host.
        host: String,
    },
    /// Nothing listens there.
    #[error("connect to {host}: ECONNREFUSED (Connection refused)")]
    Refused {
        /// The registry's host.
        host: String,
    },
    /// Nothing came for a while, or nothing could be sent.
    #[error("{host} says nothing any more")]
    Stalled {
        /// The registry's host.
        host: String,
    },
    /// The connection broke.
    #[error("talk to {host}: {cause}")]
    Broken {
        /// The registry's host.
        host: String,
        /// The errno in words.
        cause: String,
    },
    /// TLS was expected.
    #[error("{host} speaks plain HTTP, which anyone on the way can read and change")]
    PlainHttp {
        /// The registry's host.
        host: String,
    },
    /// Plain HTTP was asked for.
    #[error("{host} speaks HTTPS only")]
    NeedsTls {
        /// The registry's host.
        host: String,
    },
    /// Nobody whom this machine trusts says that it is this host.
    #[error("the certificate of {host} is signed by nobody whom this machine trusts")]
    Unsigned {
        /// The registry's host.
        host: String,
    },
    /// The certificate is one to sign others with: only one that lies in the host's own directory is taken for a server's.
    #[error("the certificate of {host} is an authority's, not a server's")]
    Authority {
        /// The registry's host.
        host: String,
    },
    /// Anything else that is wrong with the certificate: its name, its time.
    #[error("the certificate of {host} is not to be trusted: {why}")]
    Certificate {
        /// The registry's host.
        host: String,
        /// In TLS's words.
        why: String,
    },
    /// Something answers, but not as a registry does, or with other bytes than their name promises.
    #[error("{host} gives a wrong answer: {what}")]
    Wrong {
        /// The registry's host.
        host: String,
        /// What is wrong.
        what: String,
    },
    /// This machine could not do its part: read a file, write a blob.
    #[error("{said}")]
    Here {
        /// What, and why.
        said: String,
        /// What to do about it.
        hint: Option<String>,
    },
}

impl Reason {
    /// A file of this machine's that could not be read or written.
    pub(super) fn here(operation: impl fmt::Display, error: &io::Error) -> Self {
        Failure::io(operation, error).into()
    }

    pub(super) fn wrong(host: &str, what: impl Into<String>) -> Self {
        Self::Wrong { host: host.to_owned(), what: what.into() }
    }

    /// Says what was tried.
    pub(super) fn when(self, attempt: impl fmt::Display) -> Error {
        Error { attempt: attempt.to_string(), reason: self }
    }

    /// Whether the same request may succeed in a moment.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::Stalled { .. } | Self::Broken { .. } => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }

    /// How long the registry wants to be left alone.
    pub(super) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Status { wait_secs, .. } => wait_secs.map(|secs| Duration::from_secs(secs.min(WAIT_SECS_MAX))),
            _ => None,
        }
    }

    /// What to do about it.
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Here { hint, .. } => return hint.clone(),
            Self::NotFound { .. } => "look at its spelling; what is private is not there for strangers".to_owned(),
            Self::Unauthorized { host, .. } => format!("conex login {host}"),
            Self::Denied { host, .. } => format!("log in as somebody who may: conex login {host}"),
            Self::Status { status: 429, host, .. } => format!("wait a while, or log in: conex login {host}"),
            Self::NoSuchHost { .. } => "look at its spelling, and at /etc/resolv.conf".to_owned(),
            Self::Refused { host } => format!("see whether the registry runs: curl {host}/v2/"),
            Self::PlainHttp { host } => {
                format!("if that is fine here, put {host} into insecure-registries of /etc/docker/daemon.json")
            }
            Self::NeedsTls { .. } => "write https:// where http:// is configured".to_owned(),
            Self::Unsigned { host } => {
                format!("put the certificate of who signed it into /etc/docker/certs.d/{host}/ca.crt")
            }
            Self::Authority { host } => format!("put this certificate itself into /etc/docker/certs.d/{host}/ca.crt"),
            _ => return None,
        })
    }
}

impl From<Failure> for Reason {
    fn from(failure: Failure) -> Self {
        Self::Here { said: failure.message, hint: failure.hint }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = Self::new(error.to_string());
        match error.reason.hint() {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}
