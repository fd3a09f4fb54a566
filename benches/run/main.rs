//! What does a whole `conex run` cost? `conex run --rm --network none starter true` beside `crun run` of a prepared bundle
//! of the same root, and beside docker and podman where `cargo xtask peers -- cargo bench --bench run` brings them; and
//! the memory of a shim.
//!
//! As root. Everything is on a tmpfs, so that no disk is measured.

#![forbid(unsafe_code)]

#[path = "../arena/mod.rs"]
mod arena;
mod memory;

use std::{
    env, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use arena::{
    Contender, Numbered,
    place::{self, PLACE},
};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    if !rustix::process::geteuid().is_root() {
        place::say("run: needs root: skipped");
        return ExitCode::SUCCESS;
    }
    if !place::is_inside() {
        let conex = Path::new(env!("CARGO_BIN_EXE_conex"));
        return place::enter(&arguments[1..], conex).expect("a host of its own can be made");
    }
    let is_bench = arguments.iter().any(|word| word == "--bench");
    place::furnish().and_then(|()| measure(is_bench)).expect("the benchmark can be run");
    ExitCode::SUCCESS
}

fn measure(is_bench: bool) -> io::Result<()> {
    let prepared = conex(&["run", "--rm", "--network", "none", "starter", "true"]).status()?;
    assert!(prepared.success(), "starter can be made and run");
    let mut contenders: Vec<Contender> = [
        arena::command("conex run", "", Box::new(|_| conex(&["run", "--rm", "--network", "none", "starter", "true"]))),
        arena::command("crun run", "crun", arena::crun(&bundle())?),
        peer("docker run", "docker", "CONEX_PEER_DOCKER"),
        peer("podman run", "podman", "CONEX_PEER_PODMAN"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if is_bench {
        memory::print(|| conex(&["run", "--rm", "-i", "--network", "none", "starter", "cat"]))?;
    }
    arena::measure("run", &mut contenders, ["crun run", "conex run"], is_bench)
}

fn conex(arguments: &[&str]) -> Command {
    let mut command = Command::new(place::program());
    command.env("CONEX_ROOT", state("conex")).env("CONEX_RUN_ROOT", state("conex-run")).args(arguments);
    command
}

fn state(name: &str) -> PathBuf {
    Path::new(PLACE).join(name)
}

/// The same root and process, in the host's user namespace and without a time namespace.
fn bundle() -> String {
    let mut inspect = conex(&["image", "inspect", "--format", "{{.GraphDriver.Data.LowerDir}}", "starter"]);
    let told = inspect.output().expect("the image is here").stdout;
    let root = PathBuf::from(String::from_utf8_lossy(&told).trim());
    let text = include_str!("../spine/config.json").replace("@ROOT@", &root.to_string_lossy());
    let mut config: serde_json::Value = serde_json::from_str(&text).expect("the file is JSON");
    let linux = config["linux"].as_object_mut().expect("an object");
    linux.remove("uidMappings");
    linux.remove("gidMappings");
    let namespaces = linux["namespaces"].as_array_mut().expect("a list");
    namespaces.retain(|namespace| namespace["type"] != "user" && namespace["type"] != "time");
    config.to_string()
}

fn peer(name: &'static str, program: &'static str, variable: &str) -> Option<Contender> {
    if env::var_os(variable).is_none() {
        place::say(&format!("{name}: skipped: cargo xtask peers -- cargo bench --bench run brings it"));
        return None;
    }
    let command: Numbered = Box::new(move |_| {
        let mut command = Command::new(program);
        command.args(["run", "--rm", "--network", "none", "peer", "true"]);
        command
    });
    arena::command(name, program, command)
}
