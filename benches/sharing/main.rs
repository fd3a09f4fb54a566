//! What does sharing layers save? A Debian root of more than 150 MB, as an overlay for each container beside a copy for each,
//! as virtual machines have it: how long a start takes, what it costs on the disk, and what stays in memory.
//!
//! `cargo bench --bench sharing`, as root. No criterion: a copy takes too long for a hundred of them, and only a process of
//! one thread may clone. The rows are printed, and kept as JSON in `target/bench/sharing.json`.

#![forbid(unsafe_code)]

mod debian;
mod disk;
mod memory;
#[path = "../arena/place.rs"]
#[allow(dead_code, reason = "the arena's other benchmarks use the rest")]
mod place;
mod root;
mod start;
mod table;

use std::{env, io, path::PathBuf, process::ExitCode};

use table::Table;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if !rustix::process::geteuid().is_root() {
        place::say("sharing: needs root: skipped");
        return ExitCode::SUCCESS;
    }
    if place::is_inside() {
        measure(&place::program(), arguments.iter().any(|word| word == "--bench")).expect("it can be measured");
        return ExitCode::SUCCESS;
    }
    // Outside, where there is a network.
    match directory().and_then(|directory| debian::make(&directory)) {
        Ok(debian) => place::enter(&arguments, &debian).expect("a host of its own can be made"),
        Err(error) => {
            place::say(&format!("sharing: no Debian root: {error}: skipped"));
            ExitCode::SUCCESS
        }
    }
}

/// `target/bench`: on a disk, and kept.
fn directory() -> io::Result<PathBuf> {
    let program = env::current_exe()?;
    // TARGET/release/deps/sharing-HASH.
    let target = program.ancestors().nth(3).ok_or_else(|| io::Error::other("this program lies in no target"))?;
    let directory = target.join("bench");
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}

fn measure(debian: &std::path::Path, is_bench: bool) -> io::Result<()> {
    place::furnish()?;
    let mut table = Table::new(&directory()?.join("sharing.json"));
    // In a test once each, to see that it works.
    let (lives, copies, several, containers): (usize, usize, usize, &[usize]) =
        if is_bench { (51, 5, 10, &[1, 10, 100, 1000]) } else { (1, 1, 1, &[1]) };
    start::measure(debian, &mut table, lives, copies)?;
    disk::measure(debian, &mut table, containers, several)?;
    memory::measure(debian, &mut table, several)?;
    table.finish()
}
