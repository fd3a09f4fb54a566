//! `conex stats`: what containers use, as it changes, in docker's columns.

use std::{
    collections::BTreeMap,
    fs, thread,
    time::{Duration, Instant},
};

use clap::Args;
use procfs::{Current, Meminfo};
use serde_json::{Value, json};

use super::{
    format::{Format, sizes},
    say::{say, say_all},
};
use crate::{Choices, Engine, Entry, Failure, Network, Result, State, Status, cgroups::Usage};

/// Show what containers use, until you stop it
#[derive(Args, Debug)]
pub(super) struct Stats {
    /// Also those that do not run
    #[arg(short, long)]
    all: bool,
    /// A template of Go's: '{{.Name}} {{.CPUPerc}}', 'table …' or json
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Once
    #[arg(long)]
    no_stream: bool,
    /// Whole ids
    #[arg(long)]
    no_trunc: bool,
    /// Names, ids, or beginnings of ids; without any, all
    #[arg(value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// What each field is called above its column.
const TITLES: [(&str, &str); 9] = [
    ("Container", "CONTAINER"),
    ("Name", "NAME"),
    ("ID", "CONTAINER ID"),
    ("CPUPerc", "CPU %"),
    ("MemUsage", "MEM USAGE / LIMIT"),
    ("MemPerc", "MEM %"),
    ("NetIO", "NET I/O"),
    ("BlockIO", "BLOCK I/O"),
    ("PIDs", "PIDS"),
];
const TABLE: &str =
    "table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}";

/// What a container had used at some time.
struct Sample {
    at: Instant,
    usage: Usage,
    received_bytes: u64,
    sent_bytes: u64,
}

/// Docker's.
const EVERY: Duration = Duration::from_secs(1);
/// Clears the screen and goes to its first place. See console_codes(4).
const CLEAR: &str = "\x1b[2J\x1b[H";

pub(super) fn main(stats: &Stats, engine: &Engine) -> Result<u8> {
    let format = Format::parse(stats.format.as_deref(), TABLE)?;
    let host_bytes =
        Meminfo::current().map_err(|error| Failure::new(format!("read /proc/meminfo: {error}")))?.mem_total;
    // One that is asked for must be there when we begin; later it may go.
    for word in &stats.containers {
        engine.find(word)?;
    }
    let mut before = samples(stats, engine)?;
    loop {
        thread::sleep(EVERY);
        let now = samples(stats, engine)?;
        let row = |(id, (entry, sample)): (&String, &(Entry, Sample))| {
            row(entry, before.get(id).map(|(_, sample)| sample), sample, stats, host_bytes)
        };
        let rows: Vec<Value> = now.iter().map(row).collect();
        let lines = format.render(&TITLES, &rows)?;
        if stats.no_stream {
            say_all(&lines);
            return Ok(0);
        }
        say(&format!("{CLEAR}{}", lines.join("\n")));
        before = now;
    }
}

/// Of those that are meant, by id.
fn samples(stats: &Stats, engine: &Engine) -> Result<BTreeMap<String, (Entry, Sample)>> {
    let runs = |entry: &Entry| matches!(&entry.state, Ok(State { status: Status::Running, .. }));
    let named: Vec<_> = stats.containers.iter().filter_map(|word| engine.find(word).ok()).collect();
    let meant = |entry: &Entry| match named.as_slice() {
        [] => stats.containers.is_empty() && (stats.all || runs(entry)),
        some => some.contains(&entry.id),
    };
    let sampled = engine.list()?.into_iter().filter(meant).map(|entry| {
        let usage = if runs(&entry) { engine.usage(&entry.id) } else { Ok(Usage::default()) };
        let (received_bytes, sent_bytes) = traffic(&entry);
        let sample = Sample { at: Instant::now(), usage: usage.unwrap_or_default(), received_bytes, sent_bytes };
        (entry.id.as_str().to_owned(), (entry, sample))
    });
    Ok(sampled.collect())
}

/// What came in and went out over its own links but for the loopback one. See proc_pid_net(5).
fn traffic(entry: &Entry) -> (u64, u64) {
    let own = entry.choices.as_ref().is_ok_and(|choices: &Choices| choices.network != Network::Host);
    let process = entry.state.as_ref().ok().and_then(|state| state.process.as_ref()).filter(|_| own);
    let Some(process) = process.filter(|process| process.hold().is_some()) else { return (0, 0) };
    let table = fs::read_to_string(format!("/proc/{}/net/dev", process.pid)).unwrap_or_default();
    let of_line = |line: &str| {
        let (link, numbers) = line.split_once(':')?;
        let numbers: Vec<u64> = numbers.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        (link.trim() != "lo").then_some((*numbers.first()?, *numbers.get(8)?))
    };
    table.lines().filter_map(of_line).fold((0, 0), |sum, link| (sum.0 + link.0, sum.1 + link.1))
}

fn row(entry: &Entry, before: Option<&Sample>, sample: &Sample, stats: &Stats, host_bytes: u64) -> Value {
    let Sample { usage, received_bytes, sent_bytes, .. } = sample;
    let id = if stats.no_trunc { entry.id.as_str() } else { entry.id.short() };
    let runs = matches!(&entry.state, Ok(State { status: Status::Running, .. }));
    let limit = match usage.memory_limit_bytes {
        _ if !runs => 0,
        limit => limit.map_or(host_bytes, |limit| limit.min(host_bytes)),
    };
    let row = json!({
        "Container": id,
        "ID": id,
        "Name": entry.name.as_ref().map_or("--", |name| name.as_str()),
        "CPUPerc": format!("{:.2}%", before.map_or(0.0, |before| cpu_percent(before, sample))),
        "MemUsage": format!("{} / {}", sizes::binary(usage.memory_bytes), sizes::binary(limit)),
        "MemPerc": format!("{:.2}%", percent(usage.memory_bytes as f64, limit as f64)),
        "NetIO": format!("{} / {}", sizes::decimal(*received_bytes), sizes::decimal(*sent_bytes)),
        "BlockIO": format!("{} / {}", sizes::decimal(usage.read_bytes), sizes::decimal(usage.written_bytes)),
        "PIDs": usage.pids.to_string(),
    });
    if runs && *usage == Usage::default() { unknown(row) } else { row }
}

/// Of one that has no cgroup nothing is known, which is not the same as nothing.
fn unknown(mut row: Value) -> Value {
    for (field, text) in
        [("CPUPerc", "--"), ("MemUsage", "-- / --"), ("MemPerc", "--"), ("BlockIO", "--"), ("PIDs", "--")]
    {
        row[field] = text.into();
    }
    row
}

/// Of one processor.
fn cpu_percent(before: &Sample, now: &Sample) -> f64 {
    let used = now.usage.cpu_ns.saturating_sub(before.usage.cpu_ns);
    percent(used as f64, now.at.duration_since(before.at).as_nanos() as f64)
}

fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { 100.0 * part / whole } else { 0.0 }
}
