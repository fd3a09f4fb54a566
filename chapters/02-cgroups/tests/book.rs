//! The console blocks of chapter 2's page do what they show: those for every host, and those for hosts of v1 or v2.

#![forbid(unsafe_code)]

mod worlds;

use std::process::ExitCode;

use conex_cgroups::Version;
use testkit::{Case, TestHost, console};

const CHAPTER: &str = include_str!("../../../book/src/chapter-2.md");

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("chapter_2_s_page_does_what_it_shows", |test| follow(test, "console")).with_cgroups(),
            Case::root("chapter_2_s_page_does_what_it_shows_on_v1", |test| follow(test, "console,v1"))
                .with_cgroups()
                .unless(|| worlds::not_of(Version::V1)),
            Case::root("chapter_2_s_page_does_what_it_shows_on_v2", |test| follow(test, "console,v2"))
                .with_cgroups()
                .unless(|| worlds::not_of(Version::V2)),
        ],
        &[env!("CARGO_BIN_EXE_ch02")],
    )
}

/// Runs the page's blocks in one directory, with the chapter's program on the PATH.
fn follow(test: &TestHost, fence: &str) {
    let directory = test.directory("page");
    let bin = test.program("ch02").parent().expect("a directory").to_owned();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("a PATH"));
    let steps = console::steps(CHAPTER, fence);
    assert!(steps.len() >= 4, "the page has {} steps", steps.len());
    for step in steps {
        step.check(|shell| _ = shell.current_dir(&directory).env("PATH", &path));
    }
}
