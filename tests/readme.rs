//! The tour of README.md is what happens.

#![forbid(unsafe_code)]

mod rig;
#[path = "registry/server.rs"]
#[allow(dead_code, reason = "the client's own tests use the rest")]
mod server;

use std::process::ExitCode;

use rig::{is_clean, roots};
use testkit::{Case, TestHost, console};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("every_block_of_the_tour_does_what_it_shows_as_root", tour),
            Case::root("the_blocks_that_need_root_do_what_they_show", limits).with_cgroups(),
            Case::root("what_is_kept_goes_to_a_registry_and_back", registry).with(&["docker-registry"]),
            Case::root("the_page_about_the_engine_shows_what_happens", engine),
            Case::user("every_block_of_the_tour_does_what_it_shows_as_a_user", tour),
        ],
        rig::PROGRAMS,
    )
}

fn tour(test: &TestHost) {
    follow(test, README, "console", 11);
}

fn engine(test: &TestHost) {
    follow(test, include_str!("../book/src/engine.md"), "console", 9);
}

const README: &str = include_str!("../README.md");

fn limits(test: &TestHost) {
    follow(test, README, "console,root", 2);
}

fn registry(test: &TestHost) {
    test.run(std::process::Command::new("busybox").args(["ip", "link", "set", "lo", "up"])).success();
    let _server = server::Server::start(test, "127.0.0.1:5000");
    follow(test, README, "console,registry", 9);
}

fn follow(test: &TestHost, page: &str, fence: &str, at_least: usize) {
    let steps = console::steps(page, fence);
    assert!(steps.len() >= at_least, "the page has {} steps", steps.len());
    let (root, run_root) = roots(test);
    let program = test.program("conex");
    let path =
        format!("{}:{}", program.parent().expect("a directory").display(), std::env::var("PATH").expect("a PATH"));
    for step in steps {
        step.check(|shell| _ = shell.env("PATH", &path).env("CONEX_ROOT", &root).env("CONEX_RUN_ROOT", &run_root));
    }
    assert!(is_clean(test));
}
