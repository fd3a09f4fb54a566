//! The functions that chapter 3's exercises blank, each by itself, for the workbook's checks: one that is still to be
//! written fails its own check and no other. Not part of the floor's surface.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::fd::BorrowedFd,
    path::PathBuf,
};

pub use crate::{compare::Below, entry::Entry, marks::Marks, options::Writable};

/// See `options`.
pub fn options(layers: &[PathBuf], writable: Option<Writable<'_>>, marks: Marks) -> Vec<String> {
    crate::options::options(layers, writable, marks)
}

/// See `stub`.
pub fn fill(layer: BorrowedFd<'_>) -> io::Result<()> {
    crate::stub::fill(layer)
}

/// See `entry`.
pub fn entry(directory: BorrowedFd<'_>, name: &OsStr, marks: Marks) -> io::Result<Option<Entry>> {
    crate::entry::entry(directory, name, marks)
}

/// See `lookup`.
pub fn visible(stack: &[Option<Entry>]) -> Vec<usize> {
    crate::lookup::visible(stack)
}

/// See `compare`.
pub fn compare(
    upper: &BTreeMap<OsString, Entry>,
    lower: &BTreeSet<OsString>,
    below: Below,
) -> BTreeMap<OsString, crate::ChangeKind> {
    crate::compare::compare(upper, lower, below)
}

/// See `sparse`.
pub fn copy_data(from: &File, into: &File) -> io::Result<()> {
    crate::sparse::copy_data(from, into)
}
