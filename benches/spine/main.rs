//! What does the spine cost? A container of chapter 1 (all namespaces, `true`, in a directory) beside a straight line of
//! the same kernel calls, and `ch01 run` beside `unshare`, `bwrap` and `crun run` of the same directory.
//!
//! `cargo bench --bench spine`, as root. Criterion has threads, and only a single-threaded process may clone: the
//! program starts itself again as a cloner (see `cloner`), inside a host of its own (see `place`).

#![forbid(unsafe_code)]

mod cloner;
mod peers;
mod place;
mod raw;
mod same;
mod table;

use std::{env, io, path::Path, process::ExitCode, time::Duration};

use criterion::Criterion;

/// One thing to measure: does its work so many times and says how long that took.
struct Contender {
    name: &'static str,
    time: Box<dyn FnMut(u64) -> Duration>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some(cloner::ARGUMENT) => cloner::main(&arguments[2..]),
        _ if !rustix::process::geteuid().is_root() => {
            place::say("spine: needs root: skipped");
            return ExitCode::SUCCESS;
        }
        _ if !place::is_inside() => return place::enter(&arguments[1..]).expect("a host of its own can be made"),
        _ => place::furnish().and_then(|rootfs| measure(&rootfs, arguments.iter().any(|word| word == "--bench"))),
    }
    .expect("the benchmark can be run");
    ExitCode::SUCCESS
}

/// Criterion's figures, for comparison with earlier runs; then ours, for comparison with each other.
fn measure(rootfs: &Path, is_bench: bool) -> io::Result<()> {
    same::expect(rootfs)?;
    let mut contenders = vec![cloner::contender("spine", rootfs)?, cloner::contender("raw", rootfs)?];
    contenders.extend(peers::contenders(rootfs)?);
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("spine");
    for Contender { name, time } in &mut contenders {
        group.bench_function(*name, |bencher| bencher.iter_custom(&mut *time));
    }
    group.finish();
    criterion.final_summary();
    if is_bench { table::print(&mut contenders) } else { Ok(()) }
}
