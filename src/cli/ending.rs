//! How an attachment ended, and what that means for us.

use crate::{Engine, Failure, Result};

/// How the attachment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The container ended, or could not be started, with this status.
    Status(u8),
    /// The user went away by the detach keys; the container goes on.
    Detached,
    /// The shim died without a word: nobody knows how the container ended.
    Lost,
}

/// The status where nobody saw the end.
const UNSEEN: u8 = 255;

impl Ending {
    /// The status that we end with.
    pub(super) fn status(self, engine: &mut Engine) -> Result<u8> {
        match self {
            Self::Status(status) => Ok(status),
            Self::Detached => Ok(0),
            Self::Lost => {
                engine.reconcile()?;
                let message = "the container's shim died, and the container with it; nobody saw how it ended";
                Err(Failure { status: UNSEEN, ..Failure::new(message) })
            }
        }
    }
}
