//! The console blocks of the start page and of chapter 1's page do what they show.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use testkit::{Case, TestHost, console};

const START: &str = include_str!("../../../book/src/start.md");
const CHAPTER: &str = include_str!("../../../book/src/chapter-1.md");

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("the_start_page_does_what_it_shows_as_root", start).with(&["unshare"]),
            Case::user("the_start_page_does_what_it_shows_as_a_user", start).with(&["unshare"]),
            Case::root("chapter_1_s_page_does_what_it_shows_as_root", chapter).with(&["unshare"]),
            Case::user("chapter_1_s_page_does_what_it_shows_as_a_user", chapter).with(&["unshare"]),
        ],
        &[env!("CARGO_BIN_EXE_ch01")],
    )
}

fn start(test: &TestHost) {
    follow(test, START);
}

fn chapter(test: &TestHost) {
    follow(test, CHAPTER);
}

/// Runs the page's blocks in one directory, with the chapter's program on the PATH.
fn follow(test: &TestHost, page: &str) {
    let directory = test.directory("page");
    let bin = test.program("ch01").parent().expect("a directory").to_owned();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("a PATH"));
    let steps = console::steps(page, "console");
    assert!(steps.len() >= 4, "the page has {} steps", steps.len());
    for step in steps {
        step.check(|shell| _ = shell.current_dir(&directory).env("PATH", &path));
    }
}
