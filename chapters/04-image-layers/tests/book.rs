//! The console blocks of chapter 4's page do what they show.

#![forbid(unsafe_code)]

use std::{fs, process::ExitCode};

use testkit::{Case, TestHost, console};

const CHAPTER: &str = include_str!("../../../book/src/chapter-4.md");
/// The page says: copy it.
const PACK: &str = include_str!("../pack.sh");

fn main() -> ExitCode {
    let programs = &["tar", "sha256sum"];
    testkit::run(
        &[
            Case::root("chapter_4_s_page_does_what_it_shows_as_root", follow).with(programs),
            Case::user("chapter_4_s_page_does_what_it_shows_as_a_user", follow).with(programs),
        ],
        &[env!("CARGO_BIN_EXE_ch04")],
    )
}

/// Runs the page's blocks in one directory, with the chapter's program on the PATH.
fn follow(test: &TestHost) {
    let (directory, temporary) = (test.directory("page"), test.directory("tmp"));
    fs::write(directory.join("pack.sh"), PACK).expect("copied");
    let bin = test.program("ch04").parent().expect("a directory").to_owned();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("a PATH"));
    let steps = console::steps(CHAPTER, "console");
    assert!(steps.len() >= 20, "the page has {} steps", steps.len());
    for step in steps {
        step.check(|shell| _ = shell.current_dir(&directory).env("PATH", &path).env("TMPDIR", &temporary));
    }
}
