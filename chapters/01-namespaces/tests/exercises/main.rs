//! The checks of chapter 1's exercises: what each function must do to the running kernel, tried by itself. A file for each
//! exercise; a case's name begins with it: `cargo test --test exercises -- namespaces.pivot` runs one exercise's.

#![forbid(unsafe_code)]

mod clone_flags;
mod id_maps;
mod join;
mod look;
mod messages;
mod pivot;
mod proc;
mod process;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cases = [clone_flags::CASES, id_maps::CASES, messages::CASES, proc::CASES, pivot::CASES, join::CASES];
    testkit::run(&cases.concat(), &[])
}
