//! The checks of chapter 4's exercises: what each function must do, tried by itself, beside other programs and the running
//! kernel. A file for each exercise; a case's name begins with it: `cargo test --test exercises -- image.verify` runs
//! one's.

#![forbid(unsafe_code)]

mod chain_ids;
mod document;
#[path = "../../../03-union-mount/tests/exercises/kernel.rs"]
mod kernel;
mod marks;
mod names;
mod verify;
mod whiteouts;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cases = [document::CASES, verify::CASES, chain_ids::CASES, names::CASES, whiteouts::CASES, marks::CASES];
    testkit::run(&cases.concat(), &[])
}
