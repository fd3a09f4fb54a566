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
            Case::root("the_blocks_that_need_root_do_what_they_show", limits).with_cgroups(),
            Case::user("every_block_of_the_tour_does_what_it_shows_as_a_user", tour),
        ],
        rig::PROGRAMS,
    )
}

fn tour(test: &TestHost) {
    follow(test, "console", 9);
}

fn limits(test: &TestHost) {
    follow(test, "console,root", 2);
}

fn follow(test: &TestHost, fence: &str, at_least: usize) {
    let steps = console::steps(include_str!("../README.md"), fence);
    assert!(steps.len() >= at_least, "the tour has {} steps", steps.len());
    let (root, run_root) = roots(test);
    let program = test.program("conex");
    let path =
        format!("{}:{}", program.parent().expect("a directory").display(), std::env::var("PATH").expect("a PATH"));
    for step in steps {
        step.check(|shell| _ = shell.env("PATH", &path).env("CONEX_ROOT", &root).env("CONEX_RUN_ROOT", &run_root));
    }
    assert!(is_clean(test));
}
