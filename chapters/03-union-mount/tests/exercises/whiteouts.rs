//! `entry::entry`.

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::{fd::AsFd, unix::fs::symlink},
    path::Path,
};

use conex_overlay::exercises::{Entry, Marks, entry};
use testkit::{Case, TestHost, saw};

use crate::kernel::{as_root, files, mark, whiteout, written_to};

pub(crate) const CASES: &[Case] = &[
    Case::exercise("overlay.whiteouts: what the kernel leaves of a removed file is a whiteout", removed),
    Case::exercise("overlay.whiteouts: a directory in the place of a removed one is opaque", opaque),
    Case::exercise("overlay.whiteouts: no other device and no link is a whiteout", others),
    Case::exercise("overlay.whiteouts: an empty file with the mark is a whiteout", marked),
];

/// What is found, and told.
#[track_caller]
fn expect(directory: &Path, name: &str, marks: Marks, expected: Option<Entry>) {
    let opened = File::open(directory).expect("a directory");
    let found = entry(opened.as_fd(), OsStr::new(name), marks).expect("it can be looked at");
    saw(&format!("{name}: {found:?}"));
    assert_eq!(found, expected, "{name}");
}

fn removed(test: &TestHost) {
    let (lower, own) = (test.directory("lower"), test.directory("own"));
    files(&lower, &[("removed", "x"), ("changed", "x"), ("untouched", "x"), ("directory/x", "x"), ("gone/x", "x")]);
    as_root(|| {
        let (_view, root) = written_to(&[&lower], &own);
        fs::remove_file(root.join("removed")).and_then(|()| fs::remove_dir_all(root.join("gone"))).expect("removed");
        fs::write(root.join("changed"), "y").and_then(|()| fs::write(root.join("directory/new"), "")).expect("written");
        let upper = own.join("upper");
        for (name, expected) in [
            ("removed", Some(Entry::Whiteout)),
            ("gone", Some(Entry::Whiteout)),
            ("changed", Some(Entry::File)),
            ("directory", Some(Entry::Directory)),
            ("untouched", None),
        ] {
            expect(&upper, name, Marks::User, expected);
        }
    });
}

fn opaque(test: &TestHost) {
    let (lower, own) = (test.directory("lower"), test.directory("own"));
    files(&lower, &[("replaced/x", "x"), ("merged/x", "x")]);
    if !mark(&test.directory("probe"), "user.probe", "y") {
        return;
    }
    as_root(|| {
        let (_view, root) = written_to(&[&lower], &own);
        fs::remove_dir_all(root.join("replaced"))
            .and_then(|()| fs::create_dir(root.join("replaced")))
            .expect("replaced");
        fs::write(root.join("merged/y"), "").expect("written");
        expect(&own.join("upper"), "replaced", Marks::User, Some(Entry::OpaqueDirectory));
        expect(&own.join("upper"), "merged", Marks::User, Some(Entry::Directory));
    });
    // What a user wrote there means nothing in an overlay of root's.
    expect(&own.join("upper"), "replaced", Marks::Trusted, Some(Entry::Directory));
    // x says that whiteouts by mark are in it, and hides nothing.
    let other = test.directory("other/x");
    mark(&other, "user.overlay.opaque", "x");
    expect(&test.directory("other"), "x", Marks::User, Some(Entry::Directory));
}

fn others(test: &TestHost) {
    expect(Path::new("/dev"), "null", Marks::User, Some(Entry::File));
    let directory = test.directory("directory");
    whiteout(&directory.join("whiteout"));
    symlink("whiteout", directory.join("to_whiteout"))
        .and_then(|()| symlink("/etc", directory.join("to_directory")))
        .expect("links");
    nix::unistd::mkfifo(&directory.join("fifo"), nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    expect(&directory, "whiteout", Marks::User, Some(Entry::Whiteout));
    for name in ["to_whiteout", "to_directory", "fifo"] {
        expect(&directory, name, Marks::User, Some(Entry::File));
    }
}

fn marked(test: &TestHost) {
    let directory = test.directory("directory");
    files(&directory, &[("marked", ""), ("full", "data"), ("empty", "")]);
    expect(&directory, "empty", Marks::User, Some(Entry::File));
    if mark(&directory.join("marked"), "user.overlay.whiteout", "y") {
        mark(&directory.join("full"), "user.overlay.whiteout", "y");
        expect(&directory, "marked", Marks::User, Some(Entry::Whiteout));
        expect(&directory, "full", Marks::User, Some(Entry::File));
        expect(&directory, "marked", Marks::Trusted, Some(Entry::File));
    }
}
