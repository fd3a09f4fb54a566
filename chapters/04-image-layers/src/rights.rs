//! What we may do to a layer's files. Root of the machine gives them the owners that the archive names; for an ordinary
//! user everything is his own. See user_namespaces(7), and overlayfs.rst, "User xattr".

use std::fs;

/// Whose the files of layers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rights {
    /// Root's of the machine: owners, devices and `security.*` attributes are as the archive says.
    Root,
    /// An ordinary user's: all belongs to him, and there are no devices and no `security.*` attributes.
    User,
}

impl Rights {
    /// Ours.
    pub(crate) fn probe() -> Self {
        let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        let everybody = map.split_whitespace().eq(["0", "0", "4294967295"]);
        if rustix::process::geteuid().is_root() && everybody { Self::Root } else { Self::User }
    }

    /// The attribute by which an overlay of such a user knows an opaque directory.
    pub(crate) fn opaque(self) -> &'static str {
        match self {
            Self::Root => "trusted.overlay.opaque",
            Self::User => "user.overlay.opaque",
        }
    }
}
