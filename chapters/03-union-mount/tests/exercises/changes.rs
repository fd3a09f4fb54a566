//! `compare::compare`.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
};

use conex_overlay::{
    ChangeKind,
    exercises::{Below, Entry, compare},
};
use testkit::{Case, TestHost, saw};

use crate::kernel::{as_root, files, written_to};

pub(crate) const CASES: &[Case] = &[
    Case::exercise("overlay.changes: what a container did to a directory is told", told),
    Case::exercise("overlay.changes: what an opaque directory does not have is gone", hidden),
    Case::exercise("overlay.changes: a whiteout of nothing is no change", nothing),
];

/// What the kernel wrote into an upper's directory. It makes devices for whiteouts alone.
fn upper(directory: &Path) -> BTreeMap<OsString, Entry> {
    let kind = |found: &fs::Metadata| match found.file_type() {
        kind if kind.is_char_device() && found.rdev() == 0 => Entry::Whiteout,
        kind if kind.is_dir() => Entry::Directory,
        _ => Entry::File,
    };
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry"));
    entries.map(|entry| (entry.file_name(), kind(&entry.metadata().expect("its metadata")))).collect()
}

fn names(directory: &Path) -> BTreeSet<OsString> {
    fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").file_name()).collect()
}

/// Tells what was found, and compares it with what is expected: `A name`.
#[track_caller]
fn expect(found: &BTreeMap<OsString, ChangeKind>, expected: &[&str]) {
    let letter = |kind: &ChangeKind| match kind {
        ChangeKind::Added => 'A',
        ChangeKind::Changed => 'C',
        ChangeKind::Deleted => 'D',
    };
    let found: Vec<String> = found.iter().map(|(name, kind)| format!("{} {}", letter(kind), name.display())).collect();
    saw(&format!("found: {}", if found.is_empty() { "nothing".into() } else { found.join(", ") }));
    saw(&format!("done:  {}", if expected.is_empty() { "nothing".into() } else { expected.join(", ") }));
    assert_eq!(found, expected);
}

fn told(test: &TestHost) {
    let (lower, own) = (test.directory("lower"), test.directory("own"));
    files(&lower, &[("changed", "x"), ("entered/x", "x"), ("kept", "x"), ("removed", "x"), ("became/x", "x")]);
    as_root(|| {
        let (_view, root) = written_to(&[&lower], &own);
        fs::write(root.join("changed"), "y").and_then(|()| fs::write(root.join("new"), "")).expect("written");
        fs::write(root.join("entered/y"), "").and_then(|()| fs::create_dir(root.join("made"))).expect("made");
        fs::remove_file(root.join("removed")).and_then(|()| fs::remove_dir_all(root.join("became"))).expect("removed");
        fs::write(root.join("became"), "").expect("written");
        let found = compare(&upper(&own.join("upper")), &names(&lower), Below::Merged);
        expect(&found, &["C became", "C changed", "C entered", "A made", "A new", "D removed"]);
    });
}

fn hidden(test: &TestHost) {
    let (lower, own) = (test.directory("lower"), test.directory("own"));
    files(&lower, &[("d/gone", "x"), ("d/gone2/x", "x"), ("d/made_again", "x")]);
    as_root(|| {
        let (_view, root) = written_to(&[&lower], &own);
        fs::remove_dir_all(root.join("d")).and_then(|()| fs::create_dir(root.join("d"))).expect("replaced");
        fs::write(root.join("d/made_again"), "").and_then(|()| fs::write(root.join("d/new"), "")).expect("written");
        let (upper, lower) = (upper(&own.join("upper/d")), names(&lower.join("d")));
        assert_eq!(upper.len(), 2, "the kernel writes no whiteouts into such a directory");
        expect(&compare(&upper, &lower, Below::Hidden), &["D gone", "D gone2", "C made_again", "A new"]);
    });
}

fn nothing(_: &TestHost) {
    let upper = [("never", Entry::Whiteout), ("there", Entry::Whiteout)].map(|(name, entry)| (name.into(), entry));
    let lower = ["there", "untouched"].map(OsString::from);
    expect(&compare(&upper.into(), &lower.into(), Below::Merged), &["D there"]);
    expect(&compare(&BTreeMap::new(), &["untouched".into()].into(), Below::Merged), &[]);
}
