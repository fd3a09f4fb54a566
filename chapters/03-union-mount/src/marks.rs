//! The extended attributes that an overlay writes beside its whiteouts. See xattr(7).

use std::{ffi::OsStr, io, os::fd::BorrowedFd};

use conex_namespaces::Facts;
use rustix::{fs::lgetxattr, io::Errno};

use crate::directory;

/// Whose attributes they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// `trusted.overlay.*`: root of the machine alone can write and read them.
    Trusted,
    /// `user.overlay.*`, which is the option `userxattr`.
    User,
}

/// More than any value of theirs that is looked at.
const VALUE_BYTES_MAX: usize = 256;

impl Marks {
    /// Those of an overlay that is made with these rights.
    pub(crate) fn of(facts: &Facts) -> Self {
        if facts.owns_the_machine() { Self::Trusted } else { Self::User }
    }

    /// How their names begin.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Trusted => "trusted.overlay.",
            Self::User => "user.overlay.",
        }
    }

    /// The value of one, on `name` in `directory` and on nothing that it links to.
    pub(crate) fn read(self, directory: BorrowedFd<'_>, name: &OsStr, what: &str) -> io::Result<Option<Vec<u8>>> {
        let mut value = [0; VALUE_BYTES_MAX];
        let key = format!("{}{what}", self.prefix());
        match lgetxattr(directory::beneath(directory, name), key.as_str(), &mut value) {
            Ok(length) => Ok(Some(value[..length].to_vec())),
            Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(None),
            // Longer than ours are: it is there, and says nothing that we know.
            Err(Errno::RANGE) => Ok(Some(Vec::new())),
            Err(errno) => Err(errno.into()),
        }
    }
}
