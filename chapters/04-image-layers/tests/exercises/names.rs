//! `name::meaning`.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use conex_image::exercises::{Meaning, meaning};
use testkit::{Case, TestHost, saw};

use crate::kernel::files;

pub(crate) const CASES: &[Case] = &[
    Case::exercise("image.names: a name leads where the kernel would go inside the layer", clean),
    Case::exercise("image.names: a name that goes up is refused", up),
    Case::exercise("image.names: marks are told from names", marks),
    Case::exercise("image.names: a mark of nothing, and a name below a mark, are refused", broken),
];

/// What is found, and told.
fn found(name: &str) -> Result<Meaning, &'static str> {
    let found = meaning(Path::new(name));
    match &found {
        Ok(meaning) => saw(&format!("{name:?} is {meaning:?}")),
        Err(why) => saw(&format!("{name:?} is refused: {why}")),
    }
    found
}

/// Method: both ways are gone from the layer's root, and must end at the same inode.
fn clean(test: &TestHost) {
    let layer = test.directory("layer");
    files(&layer, &[("a/b/c", ""), ("a/.b", ""), ("a/...", ""), ("a/x.wh.b", ""), ("wh.a", "")]);
    let inode = |path: &str| fs::metadata(layer.join(path)).expect("it is there").ino();
    for name in [
        "a/b/c",
        "./a/b/c",
        "a//b/c",
        "a/./b/./c",
        "a/b/",
        "a/.b",
        "a/...",
        "a/x.wh.b",
        "wh.a",
        ".",
        "./",
        "",
        "/",
        "/a/b/c",
        "//a",
    ] {
        let Ok(Meaning::Path(path)) = found(name) else { panic!("{name:?} is a plain name") };
        let path = path.to_str().expect("text");
        assert!(!path.starts_with('/') && !path.ends_with('/'), "{path:?} is not clean");
        assert_eq!(inode(path), inode(name.trim_start_matches('/')), "{name:?} leads elsewhere");
    }
}

fn up(_: &TestHost) {
    for name in ["..", "../etc/passwd", "a/../../etc/passwd", "/../a", "a/..", "a/../b", "./..", "a/../.wh.b"] {
        assert!(found(name).is_err(), "{name:?}");
    }
}

fn marks(_: &TestHost) {
    let whiteout = |path: &str| Ok(Meaning::Whiteout(path.into()));
    let opaque = |path: &str| Ok(Meaning::Opaque(path.into()));
    assert_eq!(found(".wh.b"), whiteout("b"));
    assert_eq!(found("./a/.wh.b"), whiteout("a/b"));
    assert_eq!(found("a/.wh.b/"), whiteout("a/b"));
    assert_eq!(found("a/.wh.b.wh.c"), whiteout("a/b.wh.c"));
    assert_eq!(found("a/.wh...."), whiteout("a/..."));
    assert_eq!(found("a/.wh..wh..opq"), opaque("a"));
    assert_eq!(found("/a/b/.wh..wh..opq"), opaque("a/b"));
    assert_eq!(found(".wh..wh..opq"), opaque(""));
    for name in [".wh..wh.plnk", ".wh..wh.plnk/1.2", "a/.wh..wh.orph", ".wh..wh.aufs"] {
        assert_eq!(found(name), Ok(Meaning::Nothing), "a private note");
    }
}

fn broken(_: &TestHost) {
    for name in [".wh.", "a/.wh.", ".wh..", "a/.wh..", ".wh...", "a/.wh...", ".wh.a/b", "a/.wh.b/c/d"] {
        assert!(found(name).is_err(), "{name:?}");
    }
}
