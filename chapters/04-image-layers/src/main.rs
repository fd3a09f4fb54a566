//! `ch04`: `ch03` with images. A command in an image from an archive, in eight namespaces of its own; and one more
//! command in a container that runs.

#![forbid(unsafe_code)]

use std::{
    ffi::{CString, OsString},
    io::{self, Write},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
    process::ExitCode,
    rc::Rc,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use conex_cgroups::{Cgroup, Limits, World};
use conex_kernel::{Error, Format, Kernel, Narration, RawMode, Relayed, Result, expect_children, relay, size_of};
use conex_namespaces::{
    ContainerId, Directory, Facts, Finished, Host, IdMaps, IdRange, Part, Plan, Process, Running, Target, User,
    dry_run, exit_status, spawn,
};
use conex_overlay::Overlay;
use rustix::{stdio, termios::isatty};

/// Chapter 4 of conex: namespaces, cgroups, the union mount and images.
#[derive(Parser)]
#[command(name = "ch04", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a command with an image or a directory as its root, isolated in all eight namespaces.
    Run(Run),
    /// Run a command in the container that a process is in.
    Exec(Exec),
}

#[derive(Args)]
struct Run {
    #[command(flatten)]
    common: Common,
    /// Give the container these ids, INSIDE:OUTSIDE:COUNT (as root; may be repeated).
    #[arg(long, value_name = "RANGE")]
    map: Vec<String>,
    /// The container's host name (default: its short id).
    #[arg(long)]
    hostname: Option<String>,
    /// Make the root read-only.
    #[arg(long)]
    read_only: bool,
    /// A limit: memory=64m, cpus=0.5, pids=100 (may be repeated).
    #[arg(long, value_name = "LIMIT")]
    limit: Vec<String>,
    /// Lay this directory over the root and those before it (may be repeated).
    #[arg(long, value_name = "DIR")]
    layer: Vec<PathBuf>,
    /// Where images are kept, unpacked once for all containers.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/conex")]
    store: PathBuf,
    /// What becomes the container's root: an archive of an image, as docker save writes it, or a directory. What is
    /// written goes elsewhere, and away in the end.
    rootfs: PathBuf,
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

#[derive(Args)]
struct Exec {
    #[command(flatten)]
    common: Common,
    /// A process in the container, by the host's count.
    #[arg(allow_negative_numbers = true)]
    pid: i32,
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

#[derive(Args)]
struct Common {
    /// Print every operation as it happens: with its time, and the shell command that does the same.
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    explain: Option<Explain>,
    /// Show what would be done and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// User, or user:group, by name or number.
    #[arg(short, long, default_value = "0", allow_hyphen_values = true)]
    user: String,
    /// Working directory.
    #[arg(short, long, value_name = "DIR", default_value = "/")]
    workdir: PathBuf,
    /// Set an environment variable; without a value, to the one that it has here.
    #[arg(short, long, value_name = "KEY[=VALUE]")]
    env: Vec<OsString>,
    /// Never gain privileges by exec.
    #[arg(long)]
    no_new_privileges: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Explain {
    Text,
    Json,
    Sh,
}

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn main() -> ExitCode {
    expect_children();
    let done = match Cli::try_parse() {
        Ok(Cli { command: Command::Run(run) }) => run_container(&run),
        Ok(Cli { command: Command::Exec(exec) }) => exec_in_container(&exec),
        Err(error) => {
            // Help goes to standard output and is a success; everything else is the engine's 125.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 125 } else { 0 });
        }
    };
    ExitCode::from(done.unwrap_or_else(|error| fail(&error)))
}

/// The one renderer: what happened, then advice.
fn fail(error: &Error) -> u8 {
    let hint = error.hint.as_ref().map_or(String::new(), |hint| format!("hint: {hint}\n"));
    // If standard error is gone, the status still tells.
    let _ = write!(io::stderr(), "error: {error}\n{hint}");
    exit_status(error)
}

fn run_container(run: &Run) -> Result<u8> {
    let id = ContainerId::random()?;
    let (host, narration) = host(&run.common)?;
    let root = Directory { path: run.rootfs.clone(), read_only: run.read_only };
    let mut layers = conex_image::open(&root.path, &run.store)?;
    layers.extend_from_slice(&run.layer);
    let root = Overlay::over(Directory { path: layers.remove(0), ..root }, &layers);
    let cgroup = Cgroup::new(World::probe()?, Limits::parse(&run.limit)?);
    let parts: &[&dyn Part] = &[&cgroup, &root];
    let mut plan = Plan::isolated(&host.facts, &id, process(&run.common, &run.command)?);
    if let Some(ids) = Overlay::default_ids(&host.facts) {
        plan.map_ids(ids);
    }
    if !run.map.is_empty() {
        let ranges = run.map.iter().map(|range| IdRange::parse(range)).collect::<Result<_>>()?;
        // An ordinary user may map himself only if nobody inside can leave a group of his.
        plan.map_ids(IdMaps { setgroups: host.facts.is_privileged(), ..IdMaps::ranges(ranges) });
    }
    if let Some(hostname) = &run.hostname {
        plan.hostname = Some(hostname.clone());
    }
    plan.user = User::parse(&run.common.user)?;
    plan.console = console();
    live(&host, &id, parts, plan, narration.as_deref())
}

fn exec_in_container(exec: &Exec) -> Result<u8> {
    let id = ContainerId::random()?;
    let (host, narration) = host(&exec.common)?;
    let mut plan = Plan::joining(&Target::of_pid(exec.pid)?, process(&exec.common, &exec.command)?)?;
    Cgroup::new(World::probe()?, Limits::default()).adopt_beside(exec.pid, &mut plan);
    plan.user = User::parse(&exec.common.user)?;
    plan.console = console();
    live(&host, &id, &[], plan, narration.as_deref())
}

/// In a dry run the narration is all there is.
fn live(host: &Host, id: &ContainerId, parts: &[&dyn Part], plan: Plan, narration: Option<&Narration>) -> Result<u8> {
    if host.kernel.is_dry() {
        return finish(narration, dry_run(host, id, parts, plan).map(|()| 0));
    }
    finish(narration, spawn(host, id, parts, plan).and_then(|waiting| waiting.start())).and_then(follow)
}

fn host(common: &Common) -> Result<(Host, Option<Rc<Narration>>)> {
    let dry = common.dry_run;
    let format = match (common.explain, dry) {
        (None, false) => None,
        (None | Some(Explain::Text), _) => Some(Format::Text),
        (Some(Explain::Json), _) => Some(Format::Json),
        (Some(Explain::Sh), _) => Some(Format::Sh),
    };
    let narration = format.map(|format| Rc::new(Narration::new(format, Box::new(io::stderr()))));
    let kernel = match &narration {
        None => Kernel::quiet(),
        Some(narration) if dry => Kernel::dry(narration.clone()),
        Some(narration) => Kernel::observed(narration.clone()),
    };
    let (root, run_root) = ("/var/lib/conex".into(), "/run/conex".into());
    Ok((Host { root, run_root, facts: Facts::probe()?, kernel }, narration))
}

fn process(common: &Common, command: &[OsString]) -> Result<Process> {
    let mut environment = vec![PATH.into()];
    environment.extend(std::env::var_os("TERM").filter(|_| console().is_some()).map(|term| {
        let mut entry = OsString::from("TERM=");
        entry.push(term);
        entry
    }));
    for entry in common.env.iter().filter_map(variable) {
        // In the place of one that is there already: of two, programs would see the first.
        match environment.iter_mut().find(|known| key(known) == key(&entry)) {
            Some(known) => *known = entry,
            None => environment.push(entry),
        }
    }
    Ok(Process {
        arguments: strings(command)?,
        environment: strings(&environment)?,
        directory: common.workdir.clone(),
        umask: 0o022,
        no_new_privileges: common.no_new_privileges,
        init: false,
        dies_with_parent: true,
    })
}

fn key(entry: &OsString) -> &[u8] {
    entry.as_bytes().split(|byte| *byte == b'=').next().unwrap_or_default()
}

/// `KEY=value` as it is; `KEY` with the caller's value, or not at all if there is none.
fn variable(entry: &OsString) -> Option<OsString> {
    if entry.as_bytes().contains(&b'=') || entry.is_empty() {
        return Some(entry.clone());
    }
    let mut whole = entry.clone();
    whole.push("=");
    whole.push(std::env::var_os(entry)?);
    Some(whole)
}

fn strings(words: &[OsString]) -> Result<Vec<CString>> {
    let string = |word: &OsString| {
        CString::new(word.clone().into_vec())
            .map_err(|_| Error::refused("ch04", "read the command line", "a word holds a NUL"))
    };
    words.iter().map(string).collect()
}

/// A pseudo-terminal for whoever sits at a terminal.
fn console() -> Option<Option<(u16, u16)>> {
    (isatty(stdio::stdin()) && isatty(stdio::stdout())).then(|| size_of(stdio::stdin()))
}

/// Prints the narration's end, also of a birth that failed.
fn finish<T>(narration: Option<&Narration>, outcome: Result<T>) -> Result<T> {
    let told = narration.map_or(Ok(()), Narration::finish);
    outcome.and_then(|value| told.map(|()| value).map_err(|error| Error::new("ch04", "print the narration", &error)))
}

/// Stays with the container until it ends.
fn follow(running: Running<'_>) -> Result<u8> {
    if let Some(console) = running.console() {
        let raw = RawMode::enter().map_err(|error| Error::new("ch04", "set the terminal to raw mode", &error))?;
        let ended =
            relay(console, running.pidfd()).map_err(|error| Error::new("ch04", "relay the terminal", &error))?;
        drop(raw);
        if let Relayed::Interrupted(signal) = ended {
            // The container goes with us, as it would without a terminal.
            return Ok(128 + signal);
        }
    }
    let Finished { exit, leftovers } = running.wait()?;
    for error in &leftovers {
        fail(error);
    }
    Ok(exit.status())
}
