//! The tour of README.md is what happens.

#![forbid(unsafe_code)]

mod rig;

use std::process::ExitCode;

use rig::{is_clean, roots};
use testkit::{Case, TestHost, console};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("every_block_of_the_tour_does_what_it_shows_as_root", tour),
            Case::user("every_block_of_the_tour_does_what_it_shows_as_a_user", tour),
        ],
        rig::PROGRAMS,
    )
}

fn tour(test: &TestHost) {
    let steps = console::steps(include_str!("../README.md"), "console");
    assert!(steps.len() >= 9, "the tour has {} steps", steps.len());
    let (root, run_root) = roots(test);
    let program = test.program("conex");
    let path =
        format!("{}:{}", program.parent().expect("a directory").display(), std::env::var("PATH").expect("a PATH"));
    for step in steps {
        step.check(|shell| _ = shell.env("PATH", &path).env("CONEX_ROOT", &root).env("CONEX_RUN_ROOT", &run_root));
    }
    assert!(is_clean(test));
}
