//! One directory of an upper beside the same directory of what lies below it: what was added, changed and deleted.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
};

use crate::{ChangeKind, entry::Entry};

/// How a directory of an upper stands to those below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Below {
    /// They are merged: what it does not mention is as it was.
    Merged,
    /// They are hidden: what it does not mention is gone.
    Hidden,
}

// ANCHOR: changes
/// The changes in one directory, by name: `upper` is what the container's layer has there, `lower` are the names that the
/// image has.
#[doc(alias = "exercise:overlay.changes")]
pub(crate) fn compare(
    upper: &BTreeMap<OsString, Entry>,
    lower: &BTreeSet<OsString>,
    below: Below,
) -> BTreeMap<OsString, ChangeKind> {
    let mut changes = BTreeMap::new();
    for (name, entry) in upper {
        let kind = match (entry, lower.contains(name)) {
            // A whiteout of nothing.
            (Entry::Whiteout, false) => continue,
            (Entry::Whiteout, true) => ChangeKind::Deleted,
            (_, true) => ChangeKind::Changed,
            (_, false) => ChangeKind::Added,
        };
        changes.insert(name.clone(), kind);
    }
    if below == Below::Hidden {
        let gone = lower.iter().filter(|name| !upper.contains_key(*name));
        changes.extend(gone.map(|name| (name.clone(), ChangeKind::Deleted)));
    }
    changes
}
// ANCHOR_END: changes
