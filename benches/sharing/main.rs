//! What does sharing layers save? A Debian root of more than 150 MB, as an overlay for each container beside a copy for each,
//! as virtual machines have it: how long a start takes, what it costs on the disk, what stays in memory, and where the copy
//! wins.
//!
//! `cargo bench --bench sharing`, as root; with `-- table`, as `cargo xtask figures` calls it, only the table, which is also
//! kept as JSON in `target/bench/sharing.json`; with other words, only criterion's part. As a test it takes a small root.

#![forbid(unsafe_code)]

#[path = "../arena/mod.rs"]
mod arena;
mod big;
mod disk;
mod machine;
mod memory;
mod root;
mod row;
mod start;
mod table;
mod write;
mod xfs;

use std::{
    env, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use arena::{cloner, debian, place};
use root::{How, Roots};
use table::Table;

/// Asks for the table alone.
const TABLE: &str = "table";

/// What is shared, and how often each thing is done.
struct Effort {
    /// In the target directory: on a disk, and kept.
    directory: &'static str,
    root: fn(&Path) -> io::Result<PathBuf>,
    /// For a median.
    rounds: usize,
    /// For how many containers disk space is told, and how many copies are made at most.
    containers: &'static [usize],
    copies: usize,
}

const BENCH: Effort =
    Effort { directory: "bench", root: debian::make, rounds: 5, containers: &[1, 10, 100, 1000], copies: 10 };

/// A small root and once each, to see that it works.
const TEST: Effort =
    Effort { directory: "bench/test", root: place::rootfs, rounds: 1, containers: &[1, 10], copies: 2 };

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let is_bench = arguments.iter().any(|word| word == "--bench");
    let effort = if is_bench { &BENCH } else { &TEST };
    match arguments.first().map(String::as_str) {
        Some(cloner::ARGUMENT) => start::main(&arguments[1..]).expect("the cloner works"),
        _ if !rustix::process::geteuid().is_root() => place::say("sharing: needs root: skipped"),
        _ if place::is_inside() => measure(&place::program(), &arguments, effort).expect("it can be measured"),
        // Outside, where there is a network.
        _ => match directory(effort).and_then(|directory| (effort.root)(&directory)) {
            Ok(root) => return place::enter(&arguments, &root).expect("a host of its own can be made"),
            Err(error) => place::say(&format!("sharing: no root to share: {error}: skipped")),
        },
    }
    ExitCode::SUCCESS
}

fn directory(effort: &Effort) -> io::Result<PathBuf> {
    place::kept(effort.directory)
}

fn measure(root: &Path, arguments: &[String], effort: &Effort) -> io::Result<()> {
    place::furnish()?;
    let words: Vec<&String> = arguments.iter().filter(|word| *word != "--bench").collect();
    // Before criterion's part, after which this process has threads.
    if words.is_empty() || words == [TABLE] {
        table(root, effort)?;
    }
    if words != [TABLE] {
        start::compare(root)?;
    }
    Ok(())
}

fn table(root: &Path, effort: &Effort) -> io::Result<()> {
    let directory = directory(effort)?;
    let roots = Roots { debian: root.to_owned(), big: big::make(&directory)? };
    let mut table = Table::new(&directory.join("sharing.json"));
    start::measure(&roots, &mut table, effort)?;
    write::measure(&roots, &mut table, effort, [How::Overlay, How::Copy])?;
    xfs::measure(&roots, &mut table, effort)?;
    disk::measure(&roots, &mut table, effort)?;
    memory::measure(&roots, &mut table, effort)?;
    table.finish(&roots)
}
