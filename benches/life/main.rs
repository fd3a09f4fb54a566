//! What does a container's life in the background cost? `run -d`, `exec true`, `ps` and `rm -f`, beside docker and podman
//! where `cargo xtask peers -- cargo bench --bench life` brings them; and `ps` with a thousand containers.
//!
//! As root. Everything is on a tmpfs, so that no disk is measured.

#![forbid(unsafe_code)]

#[path = "../arena/mod.rs"]
mod arena;

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use arena::{place, rounds::medians_of};

/// Once is enough to see that it works.
struct Effort {
    rounds: usize,
    containers: usize,
}

const BENCH: Effort = Effort { rounds: 51, containers: 1_000 };
const TEST: Effort = Effort { rounds: 1, containers: 3 };

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if !rustix::process::geteuid().is_root() {
        place::say("life: needs root: skipped");
        return ExitCode::SUCCESS;
    }
    if !place::is_inside() && env::var_os("CONEX_PEER_DOCKER").is_none() {
        let conex = Path::new(env!("CARGO_BIN_EXE_conex"));
        return place::enter(&arguments, conex).expect("a host of its own can be made");
    }
    let effort = if arguments.iter().any(|word| word == "--bench") { &BENCH } else { &TEST };
    measure(effort).expect("it can be measured");
    ExitCode::SUCCESS
}

/// An engine, and the image from which it makes containers that sleep.
struct Engine {
    name: &'static str,
    program: PathBuf,
    environment: Vec<(&'static str, PathBuf)>,
    image: &'static str,
}

/// What is measured, in the order of a life.
const VERBS: [&str; 4] = ["run -d", "exec true", "ps", "rm -f"];

fn measure(effort: &Effort) -> io::Result<()> {
    let engines: Vec<Engine> = Engine::all(&state()?).into_iter().filter(Engine::can).collect();
    let mut out = io::stdout();
    let things: Vec<(&Engine, &str)> =
        engines.iter().flat_map(|engine| VERBS.iter().map(move |verb| (engine, *verb))).collect();
    let medians = medians_of(effort.rounds, &things, |(engine, verb)| engine.time(verb))?;
    for (number, verb) in VERBS.iter().enumerate() {
        writeln!(out, "\n{verb:<10} {:>9} {:>8}", "ms", "× conex")?;
        for (engine, times) in engines.iter().zip(medians.chunks(VERBS.len())) {
            writeln!(out, "{:<10} {:>9.2} {:>8.2}", engine.name, times[number], times[number] / medians[number])?;
        }
    }
    many(&engines[0], effort)
}

/// `ps` alone, with many that run.
fn many(conex: &Engine, effort: &Effort) -> io::Result<()> {
    let started = Instant::now();
    for _ in 0..effort.containers {
        conex.run(&["run", "-d", "--network", "none", conex.image, "sleep", "1000"])?;
    }
    let per_second = effort.containers as f64 / started.elapsed().as_secs_f64();
    let lists = [&["ps"][..], &["ps", "-aq"]];
    let medians = medians_of(effort.rounds, &lists, |words| timed(|| conex.run(words)))?;
    let mut out = io::stdout();
    writeln!(out, "\n{} containers, begun one after the other: {per_second:.0}/s", effort.containers)?;
    writeln!(out, "ps {:.1} ms, ps -aq {:.1} ms", medians[0], medians[1])?;
    let ids = conex.output(&["ps", "-aq"])?;
    conex.run(&[&["rm", "-f"], &ids.split_whitespace().collect::<Vec<_>>()[..]].concat())
}

/// Where conex's state is: in a host of our own, or in that of the peers.
fn state() -> io::Result<PathBuf> {
    if place::is_inside() {
        place::furnish()?;
        return Ok(place::PLACE.into());
    }
    // The peers' host has a tmpfs there.
    let state = PathBuf::from("/var/tmp/life");
    std::fs::create_dir_all(&state)?;
    Ok(state)
}

impl Engine {
    /// conex, and the peers that are here.
    fn all(state: &Path) -> Vec<Self> {
        let environment = vec![("CONEX_ROOT", state.join("conex")), ("CONEX_RUN_ROOT", state.join("conex-run"))];
        let program = if place::is_inside() { place::program() } else { env!("CARGO_BIN_EXE_conex").into() };
        let peer = |name: &'static str| Self { name, program: name.into(), environment: Vec::new(), image: "peer" };
        let peers = [("docker", "CONEX_PEER_DOCKER"), ("podman", "CONEX_PEER_PODMAN")];
        let peers = peers.into_iter().filter(|(_, variable)| env::var_os(variable).is_some());
        let conex = Self { name: "conex", program, environment, image: "starter" };
        std::iter::once(conex).chain(peers.map(|(name, _)| peer(name))).collect()
    }

    /// Whether it works, tried once; if not, why is said.
    fn can(&self) -> bool {
        let tried = VERBS.iter().try_for_each(|verb| self.time(verb).map(drop));
        tried.inspect_err(|error| place::say(&format!("{}: skipped: {error}", self.name))).is_ok()
    }

    fn time(&self, verb: &str) -> io::Result<Duration> {
        let words: &[&str] = match verb {
            "run -d" => &["run", "-d", "--name", "life", "--network", "none", self.image, "sleep", "1000"],
            "exec true" => &["exec", "life", "true"],
            "ps" => &["ps"],
            _ => &["rm", "-f", "life"],
        };
        timed(|| self.run(words))
    }

    fn run(&self, words: &[&str]) -> io::Result<()> {
        self.output(words).map(drop)
    }

    /// What it says; an error if it fails.
    fn output(&self, words: &[&str]) -> io::Result<String> {
        let mut command = Command::new(&self.program);
        command.args(words).envs(self.environment.iter().map(|(key, value)| (key, value))).stdin(Stdio::null());
        let output = command.output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(io::Error::other(format!("{} {}: {}: {said}", self.name, words.join(" "), output.status)))
    }
}

fn timed(act: impl FnOnce() -> io::Result<()>) -> io::Result<Duration> {
    let started = Instant::now();
    act().map(|()| started.elapsed())
}
