//! The checks of chapter 3's exercises: what each function must do, tried by itself beside the running kernel's overlays. A
//! file for each exercise; a case's name begins with it: `cargo test --test exercises -- overlay.options` runs one's.

#![forbid(unsafe_code)]

mod changes;
mod copy_sparse;
mod kernel;
mod lookup;
mod options;
mod stub;
mod whiteouts;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cases = [options::CASES, stub::CASES, whiteouts::CASES, lookup::CASES, changes::CASES, copy_sparse::CASES];
    testkit::run(&cases.concat(), &[])
}
