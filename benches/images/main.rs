//! How fast do images come? An image of four layers and 500 MB, pulled from a registry on this machine and loaded from an
//! archive, by conex, docker and podman in turn; how much slower layers are unpacked than inflated; and how long a list of
//! 500 images takes.
//!
//! As root, `cargo bench --bench images`: conex alone, and the image is made; then, with docker and podman, `cargo xtask peers
//! -- cargo bench --bench images`. All stores are on a tmpfs, so that no disk is measured. As a test it takes a small image,
//! once.

#![forbid(unsafe_code)]

#[path = "../arena/mod.rs"]
mod arena;
mod contender;
mod image;
mod inflate;
mod list;
mod registry;

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use arena::{debian, place, rounds::medians_of};
use contender::{Contender, Verb};
use image::Image;
use registry::Registry;

/// What is measured, and how often.
pub(crate) struct Effort {
    /// In the target directory: on a disk, and kept.
    directory: &'static str,
    root: fn(&Path) -> io::Result<PathBuf>,
    /// Of each of the other three layers.
    layer_bytes: u64,
    /// For a median.
    rounds: usize,
    /// How many images a list has.
    images: usize,
}

const BENCH: Effort =
    Effort { directory: "bench", root: debian::make, layer_bytes: 94_000_000, rounds: 5, images: 500 };
const TEST: Effort =
    Effort { directory: "bench/test", root: place::rootfs, layer_bytes: 100_000, rounds: 1, images: 3 };

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let effort = if arguments.iter().any(|word| word == "--bench") { &BENCH } else { &TEST };
    if !rustix::process::geteuid().is_root() {
        place::say("images: needs root: skipped");
        return ExitCode::SUCCESS;
    }
    if !place::is_inside() && env::var_os("CONEX_PEER_DOCKER").is_none() {
        place::say("images: conex alone: cargo xtask peers -- cargo bench --bench images brings docker and podman");
        // Outside, where there is a network.
        place::kept(effort.directory).and_then(|place| Image::make(&place, effort)).expect("an image can be made");
        let conex = Path::new(env!("CARGO_BIN_EXE_conex"));
        return place::enter(&arguments, conex).expect("a host of its own can be made");
    }
    measure(effort).expect("it can be measured");
    ExitCode::SUCCESS
}

fn measure(effort: &Effort) -> io::Result<()> {
    let state = state()?;
    let image = Image::make(&place::kept(effort.directory)?, effort)?;
    let all = Contender::all(&state);
    match Registry::start(&state) {
        Ok(registry) => {
            contender::push(&all[0], &image, &registry)?;
            race(Verb::Pull, &all, &registry.name(), effort)?;
        }
        Err(error) => place::say(&format!("pull: skipped: {error}")),
    }
    race(Verb::Load, &all, &image.archive.to_string_lossy(), effort)?;
    inflate::measure(&image, &state, effort)?;
    list::measure(&all[0], &state, effort)
}

/// Where the stores are: in a host of our own, or in that of the peers.
fn state() -> io::Result<PathBuf> {
    if place::is_inside() {
        place::furnish()?;
        registry::bring_loopback_up()?;
        return Ok(place::PLACE.into());
    }
    // The peers' host has a tmpfs there.
    let state = PathBuf::from("/var/tmp/images");
    std::fs::create_dir_all(&state)?;
    Ok(state)
}

/// Everybody once a round, each with a store that has nothing.
fn race(verb: Verb, all: &[Contender], what: &str, effort: &Effort) -> io::Result<()> {
    let able: Vec<&Contender> = all.iter().filter(|one| one.can(verb, what)).collect();
    let times = medians_of(effort.rounds, &able, |one| one.time(verb, what))?;
    let first = times.first().copied().unwrap_or_default();
    let mut out = io::stdout();
    writeln!(out, "\n{:<8} {:>9} {:>8}", verb.word(), "ms", "× conex")?;
    for (one, time) in able.iter().zip(&times) {
        writeln!(out, "{:<8} {time:>9.0} {:>8.2}", one.name, time / first)?;
    }
    Ok(())
}
