//! `options::options`.

use std::{fs, path::PathBuf};

use conex_overlay::exercises::{Marks, Writable, options};
use testkit::{Case, TestHost, saw};

use crate::kernel::{as_root, files, overlay};

pub(crate) const CASES: &[Case] = &[
    Case::exercise("overlay.options: the last layer covers the others", covers),
    Case::exercise("overlay.options: what is written goes to the upper directory", writes),
    Case::exercise("overlay.options: without a writable directory nothing can be written", read_only),
    Case::exercise("overlay.options: a hundred layers with any name are one root", many),
    Case::exercise("overlay.options: a user's marks are a user's attributes", marks),
];

fn layers(test: &TestHost, names: &[&str]) -> Vec<PathBuf> {
    let layer = |name: &&str| {
        let layer = test.directory(name);
        files(&layer, &[("who", name), (&format!("only-{name}"), "")]);
        layer
    };
    names.iter().map(layer).collect()
}

/// Tells the options, without the test's own part of the paths.
fn tell(options: &[String]) {
    match options {
        [] => saw("no option at all"),
        _ => options.iter().take(6).for_each(|option| saw(&option.replace("/mnt/work/", ""))),
    }
}

fn covers(test: &TestHost) {
    let layers = layers(test, &["lowest", "middle", "last"]);
    as_root(|| {
        let options = options(&layers, None, Marks::User);
        tell(&options);
        let (_view, root) = overlay(options).unwrap_or_else(|error| panic!("the kernel says {error}"));
        let who = fs::read_to_string(root.join("who")).expect("every layer has it");
        saw(&format!("of a file in all three layers, the one that is seen is from the {who} layer"));
        assert_eq!(who, "last");
        for name in ["lowest", "middle", "last"] {
            assert!(root.join(format!("only-{name}")).exists(), "the {name} layer is missing");
        }
    });
}

fn writes(test: &TestHost) {
    let layers = layers(test, &["lowest", "last"]);
    let (upper, work) = (test.directory("own/upper"), test.directory("own/work"));
    as_root(|| {
        let options = options(&layers, Some(Writable { upper: &upper, work: &work }), Marks::User);
        tell(&options);
        let (_view, root) = overlay(options).unwrap_or_else(|error| panic!("the kernel says {error}"));
        let written = fs::write(root.join("who"), "container");
        saw(&format!("writing into it: {}", written.as_ref().map_or_else(ToString::to_string, |()| "done".into())));
        written.expect("it can be written to");
        assert_eq!(fs::read_to_string(upper.join("who")).expect("it is in the upper"), "container");
        assert_eq!(fs::read_to_string(layers[1].join("who")).expect("it is there"), "last");
    });
}

fn read_only(test: &TestHost) {
    let layers = layers(test, &["lowest", "last"]);
    as_root(|| {
        let options = options(&layers, None, Marks::User);
        tell(&options);
        let (_view, root) = overlay(options).unwrap_or_else(|error| panic!("the kernel says {error}"));
        let refused = fs::write(root.join("new"), "").expect_err("nothing can be written");
        assert_eq!(refused.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    });
}

fn many(test: &TestHost) {
    let names: Vec<String> = (0..100).map(|n| format!("layer:{n},with=signs")).collect();
    let layers = layers(test, &names.iter().map(String::as_str).collect::<Vec<_>>());
    as_root(|| {
        let options = options(&layers, None, Marks::User);
        tell(&options);
        let (_view, root) = overlay(options).unwrap_or_else(|error| panic!("the kernel says {error}"));
        let seen = names.iter().filter(|name| root.join(format!("only-{name}")).exists()).count();
        saw(&format!("layers that are seen: {seen}"));
        assert_eq!(seen, 100);
    });
}

fn marks(test: &TestHost) {
    let layers = layers(test, &["lowest", "last"]);
    let (of_user, of_root) = (options(&layers, None, Marks::User), options(&layers, None, Marks::Trusted));
    let has = |options: &[String]| options.iter().any(|option| option == "userxattr");
    saw(&format!("userxattr for a user: {}; for root: {}", has(&of_user), has(&of_root)));
    assert!(has(&of_user) && !has(&of_root));
}
