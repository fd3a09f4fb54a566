//! `marks::of`.

use std::{fs, os::unix::fs::symlink, path::Path};

use conex_image::exercises;
use testkit::{Case, TestHost, saw};

use crate::kernel::{as_root, files, mark, whiteout, written_to};

pub(crate) const CASES: &[Case] = &[
    Case::exercise("image.marks: what was removed in a container has a mark of its name", removed),
    Case::exercise("image.marks: a directory made anew has a mark in it", anew),
    Case::exercise("image.marks: what would be read as something else is refused", refused),
];

/// The mark of what an upper has at a path, as text; it is told.
fn found(upper: &Path, path: &str) -> Option<String> {
    let found = exercises::mark(upper, Path::new(path));
    match &found {
        Ok(Some(mark)) => saw(&format!("{path:?} gives {mark:?}")),
        Ok(None) => saw(&format!("{path:?} gives no mark")),
        Err(error) => saw(&format!("{path:?} is refused: {error}")),
    }
    found.unwrap_or_else(|error| panic!("{error}")).map(|mark| mark.to_str().expect("text").to_owned())
}

fn removed(test: &TestHost) {
    let (lower, own) = (test.directory("lower"), test.directory("own"));
    files(
        &lower,
        &[("file", ""), ("d/x", ""), ("deep/er/x", ""), ("deep/er/y", ""), ("changed", ""), ("entered/x", "")],
    );
    as_root(|| {
        let (_view, root) = written_to(&[&lower], &own);
        for path in ["file", "deep/er/x"] {
            fs::remove_file(root.join(path)).expect("removed");
        }
        fs::remove_dir_all(root.join("d")).expect("removed");
        fs::write(root.join("changed"), "y").and_then(|()| fs::write(root.join("entered/y"), "")).expect("written");
        symlink("file", root.join("link")).and_then(|()| fs::write(root.join("x.wh.y"), "")).expect("made");
        let upper = own.join("upper");
        for (path, mark) in [("file", ".wh.file"), ("d", ".wh.d"), ("deep/er/x", "deep/er/.wh.x")] {
            assert_eq!(found(&upper, path).as_deref(), Some(mark));
        }
        for path in ["", "changed", "entered", "entered/y", "deep/er", "link", "x.wh.y"] {
            assert_eq!(found(&upper, path), None);
        }
    });
}

fn anew(test: &TestHost) {
    let (lower, own) = (test.directory("lower"), test.directory("own"));
    files(&lower, &[("d/x", ""), ("deep/er/x", ""), ("merged/x", "")]);
    if !mark(&test.directory("probe"), "user.probe", "y") {
        return;
    }
    as_root(|| {
        let (_view, root) = written_to(&[&lower], &own);
        for path in ["d", "deep/er"] {
            fs::remove_dir_all(root.join(path)).and_then(|()| fs::create_dir(root.join(path))).expect("made anew");
        }
        fs::create_dir(root.join("merged/new")).expect("made");
        let upper = own.join("upper");
        assert_eq!(found(&upper, "d").as_deref(), Some("d/.wh..wh..opq"));
        assert_eq!(found(&upper, "deep/er").as_deref(), Some("deep/er/.wh..wh..opq"));
        assert_eq!(found(&upper, "merged"), None);
        // x says that whiteouts by attribute are in it, and hides nothing.
        fs::create_dir(upper.join("x")).expect("made");
        mark(&upper.join("x"), "user.overlay.opaque", "x");
        assert_eq!(found(&upper, "x"), None);
    });
}

fn refused(test: &TestHost) {
    let upper = test.directory("upper");
    files(&upper, &[(".wh.file", ""), ("d/.wh..wh..opq", ""), (".wh.d/", ""), ("renamed/", "")]);
    whiteout(&upper.join(".wh..opq"));
    let marked = mark(&upper.join("renamed"), "user.overlay.redirect", "/d");
    as_root(|| {
        for path in [".wh.file", "d/.wh..wh..opq", ".wh.d", ".wh..opq"] {
            let found = exercises::mark(&upper, Path::new(path));
            saw(&format!("what is called {path:?} itself: {}", if found.is_err() { "refused" } else { "taken" }));
            assert!(found.is_err(), "{path}");
        }
        assert!(!marked || exercises::mark(&upper, Path::new("renamed")).is_err(), "it has the content of /d");
    });
}
