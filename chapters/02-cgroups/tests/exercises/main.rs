//! The checks of chapter 2's exercises: what each function must do to the running kernel, tried by itself. A file for each
//! exercise; a case's name begins with it: `cargo test --test exercises -- cgroups.kill` runs one exercise's.

#![forbid(unsafe_code)]

mod controllers;
mod cpu;
mod devices;
mod kill;
mod memory;
mod place;
mod used;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cases = [memory::CASES, cpu::CASES, controllers::CASES, devices::CASES, kill::CASES, used::CASES];
    testkit::run(&cases.concat(), &[])
}
