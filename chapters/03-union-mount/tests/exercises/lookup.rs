//! `lookup::visible`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use conex_overlay::exercises::{Entry, visible};
use testkit::{Case, TestHost, saw};

use crate::kernel::{as_root, mark, whiteout, written_to};

pub(crate) const CASES: &[Case] = &[
    Case::exercise("overlay.lookup: files cover, and directories are merged", plain),
    Case::exercise("overlay.lookup: a whiteout hides what is below it", whiteouts),
    Case::exercise("overlay.lookup: an opaque directory hides what is below it", opaque),
];

const PLAIN: &[Option<Entry>] = &[None, Some(Entry::File), Some(Entry::Directory)];
const WHITEOUT: &[Option<Entry>] = &[None, Some(Entry::File), Some(Entry::Directory), Some(Entry::Whiteout)];
const OPAQUE: &[Option<Entry>] = &[None, Some(Entry::File), Some(Entry::Directory), Some(Entry::OpaqueDirectory)];

fn plain(test: &TestHost) {
    as_the_kernel(test, PLAIN);
}

fn whiteouts(test: &TestHost) {
    as_the_kernel(test, WHITEOUT);
}

fn opaque(test: &TestHost) {
    if mark(&test.directory("probe"), "user.probe", "y") {
        as_the_kernel(test, OPAQUE);
    }
}

/// Method: three layers that have, under a name for each, everything in every arrangement; what the kernel shows of each is
/// what is expected.
fn as_the_kernel(test: &TestHost, entries: &[Option<Entry>]) {
    let layers = [0, 1, 2].map(|layer| test.directory(&format!("layer{layer}")));
    let mut stacks = Vec::new();
    for top in entries {
        for middle in entries {
            stacks.extend(entries.iter().map(|low| [*top, *middle, *low]));
        }
    }
    for (name, stack) in stacks.iter().enumerate() {
        for (layer, entry) in stack.iter().enumerate() {
            put(&layers[layer].join(name.to_string()), layer, *entry);
        }
    }
    let own = test.directory("own");
    as_root(|| {
        let (_view, root) = written_to(&[&layers[0], &layers[1], &layers[2]], &own);
        for (name, stack) in stacks.iter().enumerate() {
            let (shown, found) = (shown(&root.join(name.to_string())), visible(stack));
            if shown != found {
                saw(&format!("from the top: {}", stack.map(words).join(", ")));
                saw(&format!("the kernel shows layers {shown:?}; your function says {found:?}"));
            }
            assert_eq!(found, shown, "{stack:?}");
        }
        saw(&format!("{} arrangements are as the kernel shows them", stacks.len()));
    });
}

fn put(path: &PathBuf, layer: usize, entry: Option<Entry>) {
    match entry {
        None => {}
        Some(Entry::Whiteout) => whiteout(path),
        Some(Entry::File) => fs::write(path, layer.to_string()).expect("written"),
        Some(Entry::Directory | Entry::OpaqueDirectory) => {
            fs::create_dir(path).and_then(|()| fs::write(path.join(layer.to_string()), "")).expect("made");
            if entry == Some(Entry::OpaqueDirectory) {
                mark(path, "user.overlay.opaque", "y");
            }
        }
    }
}

/// Which layers' things are seen, by the content of a file or the names in a directory.
fn shown(path: &Path) -> Vec<usize> {
    let number = |text: &str| text.parse().expect("a layer");
    match fs::read_dir(path) {
        Ok(entries) => {
            let names = entries.map(|entry| entry.expect("an entry").file_name());
            let mut layers: Vec<usize> = names.map(|name| number(&name.to_string_lossy())).collect();
            layers.sort_unstable();
            layers
        }
        Err(_) => fs::read_to_string(path).iter().map(|text| number(text)).collect(),
    }
}

fn words(entry: Option<Entry>) -> &'static str {
    match entry {
        None => "nothing",
        Some(Entry::Whiteout) => "a whiteout",
        Some(Entry::File) => "a file",
        Some(Entry::Directory) => "a directory",
        Some(Entry::OpaqueDirectory) => "an opaque directory",
    }
}
