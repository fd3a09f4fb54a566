//! `Growing::whiteout`.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use conex_image::exercises;
use testkit::{Case, TestHost, saw};

use crate::kernel::{as_root, files, mark, overlay};

pub(crate) const CASES: &[Case] = &[
    Case::exercise("image.whiteouts: what lies below is gone, and nothing else", gone),
    Case::exercise("image.whiteouts: a directory of this layer shows nothing of those below", replaced),
    Case::exercise("image.whiteouts: what this layer has in that place stays", stays),
];

/// A whiteout in the layer; what it says is told.
fn whiteout(layer: &Path, path: &str) {
    let done = exercises::whiteout(layer, Path::new(path));
    let said = done.as_ref().map_or_else(ToString::to_string, |()| "done".to_owned());
    saw(&format!("a whiteout of {path}: {said}"));
    done.expect("it can be done");
}

/// The files that the kernel shows of the layer over the lower one, each with its content.
fn shown(layer: &Path, lower: &Path) -> Vec<String> {
    let options = [layer, lower].map(|one| format!("lowerdir+={}", one.display())).into_iter();
    let options = options.chain(["userxattr".to_owned()]).collect();
    let (_view, root) = overlay(options).expect("the kernel takes both");
    let (mut shown, mut left) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(path) = left.pop() {
        let at = root.join(&path);
        if at.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            left.extend(fs::read_dir(at).expect("a directory").map(|entry| path.join(entry.expect("one").file_name())));
        } else {
            shown.push(format!("{}: {}", path.display(), fs::read_to_string(at).expect("a file")));
        }
    }
    shown.sort_unstable();
    saw(&format!("seen with the layer: {}", shown.join(", ")));
    shown
}

fn gone(test: &TestHost) {
    let (layer, lower) = (test.directory("layer"), test.directory("lower"));
    files(&lower, &[("file", "old"), ("kept", "old"), ("d/x", "old"), ("deep/er/x", "old"), ("deep/er/y", "old")]);
    as_root(|| {
        for path in ["file", "d", "deep/er/x", "never"] {
            whiteout(&layer, path);
        }
        assert_eq!(shown(&layer, &lower), ["deep/er/y: old", "kept: old"]);
    });
}

fn replaced(test: &TestHost) {
    let (layer, lower) = (test.directory("layer"), test.directory("lower"));
    files(&lower, &[("d/old", "old"), ("d/both", "old"), ("merged/old", "old")]);
    files(&layer, &[("d/both", "new"), ("d/new", "new"), ("merged/new", "new")]);
    if mark(&test.directory("probe"), "user.probe", "y") {
        as_root(|| {
            whiteout(&layer, "d");
            assert_eq!(shown(&layer, &lower), ["d/both: new", "d/new: new", "merged/new: new", "merged/old: old"]);
        });
    }
}

fn stays(test: &TestHost) {
    let (layer, lower) = (test.directory("layer"), test.directory("lower"));
    files(&lower, &[("file", "old"), ("other", "old"), ("link", "old"), ("d/old", "old")]);
    files(&layer, &[("file", "new"), ("d/new", "new")]);
    symlink("d/new", layer.join("link")).expect("a link");
    as_root(|| {
        for path in ["file", "other", "other", "link"] {
            whiteout(&layer, path);
        }
        assert_eq!(shown(&layer, &lower), ["d/new: new", "d/old: old", "file: new", "link: new"]);
    });
}
