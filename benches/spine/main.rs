//! What does the spine cost? A container of chapter 1 (all namespaces, `true`, in a directory) beside a straight line of
//! the same kernel calls, and `ch01 run` beside `unshare`, `bwrap` and `crun run` of the same directory.
//!
//! `cargo bench --bench spine`, as root. Criterion has threads, and only a single-threaded process may clone: the
//! program starts itself again as a cloner (see `cloner`), inside a host of its own (see `arena`).

#![forbid(unsafe_code)]

#[path = "../arena/mod.rs"]
mod arena;
mod cloner;
mod peers;
mod raw;
mod same;

use std::{
    env, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use arena::place;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some(arena::cloner::ARGUMENT) => cloner::main(&arguments[2..]),
        _ if !rustix::process::geteuid().is_root() => {
            place::say("spine: needs root: skipped");
            return ExitCode::SUCCESS;
        }
        _ if !place::is_inside() => {
            let entered = build_ch01().and_then(|ch01| place::enter(&arguments[1..], &ch01));
            return entered.expect("a host of its own can be made");
        }
        _ => place::furnish()
            .and_then(|()| place::rootfs(Path::new(place::PLACE)))
            .and_then(|rootfs| measure(&rootfs, arguments.iter().any(|word| word == "--bench"))),
    }
    .expect("the benchmark can be run");
    ExitCode::SUCCESS
}

/// Built here, in case it is not up to date: a benchmark of the root package does not depend on a member's program.
fn build_ch01() -> io::Result<PathBuf> {
    let program = env::current_exe()?;
    // TARGET/release/deps/spine-HASH.
    let release = program.ancestors().nth(2).ok_or_else(|| io::Error::other("this program lies in no target"))?;
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--release", "--package", "conex-namespaces", "--bin", "ch01", "--target-dir"]);
    let status = cargo.arg(release.parent().unwrap_or(release)).status()?;
    if status.success() { Ok(release.join("ch01")) } else { Err(io::Error::other("ch01 can't be built")) }
}

fn measure(rootfs: &Path, is_bench: bool) -> io::Result<()> {
    same::expect(rootfs)?;
    let kinds = ["spine", "spine, limits", "spine, v2", "raw"];
    let mut contenders =
        kinds.map(|kind| cloner::contender(kind, rootfs)).into_iter().collect::<io::Result<Vec<_>>>()?;
    contenders.extend(peers::contenders(rootfs)?);
    arena::measure("spine", &mut contenders, ["raw", "ch01 run"], is_bench)
}
