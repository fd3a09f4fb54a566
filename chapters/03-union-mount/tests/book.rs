//! The console blocks of chapter 3's page do what they show.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use testkit::{Case, TestHost, console};

const CHAPTER: &str = include_str!("../../../book/src/chapter-3.md");

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("chapter_3_s_page_does_what_it_shows_as_root", follow).with(&["unshare"]),
            Case::user("chapter_3_s_page_does_what_it_shows_as_a_user", follow).with(&["unshare"]),
        ],
        &[env!("CARGO_BIN_EXE_ch03")],
    )
}

/// Runs the page's blocks in one directory, with the chapter's program on the PATH.
fn follow(test: &TestHost) {
    let (directory, temporary) = (test.directory("page"), test.directory("tmp"));
    let bin = test.program("ch03").parent().expect("a directory").to_owned();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("a PATH"));
    let steps = console::steps(CHAPTER, "console");
    assert!(steps.len() >= 20, "the page has {} steps", steps.len());
    for step in steps {
        step.check(|shell| _ = shell.current_dir(&directory).env("PATH", &path).env("TMPDIR", &temporary));
    }
}
