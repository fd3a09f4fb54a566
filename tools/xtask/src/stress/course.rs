//! What happens in the host, from the first container to the last: begun, weighed, listed, entered, stopped, removed, and
//! looked for.

use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, Instant},
};

use rustix::process::{WaitOptions, getpid, set_child_subreaper, wait};

use super::{
    census::{Census, shims_pss_kib},
    conex::{Conex, Done, workers},
    report::Report,
};

const RUN: [&str; 4] = ["run", "-d", "--network", "none"];
const PROGRAM: [&str; 4] = ["box", "busybox", "sleep", "1000"];

/// Of one list, for a median.
const LISTS: usize = 11;
/// How many containers are entered.
const SAMPLE: usize = 50;
/// How many one command stops or removes.
const BATCH: usize = 25;

/// A shim that ends takes milliseconds.
const REAP_MAX: Duration = Duration::from_secs(10);

/// Runs so many containers; what they cost, and what went wrong.
pub(super) fn run(conex: &Conex, containers: usize) -> Report {
    // Shims are orphans from the start; somebody has to reap them.
    set_child_subreaper(Some(getpid())).expect("a reaper of orphans");
    conex.run(&["image", "from-host", "box", "busybox"]).output.success();
    // What comes with the first container stays: the shim's program, and the layer of mount points.
    conex.run(&["run", "--rm", "--network", "none", "box", "busybox", "true"]).output.success();
    reap();
    let before = conex.host.fingerprint();
    let mut report = Report::default();
    let empty = census(conex);
    let ids = begin(conex, containers, &mut report);
    weigh(&ids, &empty, &census(conex), &mut report);
    list(conex, &ids, &mut report);
    enter(conex, &ids, &mut report);
    stats(conex, &ids, &mut report);
    end(conex, &ids, &mut report);
    reap();
    report.fault("left behind", before.differences(&conex.host.fingerprint()).into_iter().map(named));
    report
}

/// A process with its words, too.
fn named(left: String) -> String {
    let Some(pid) = left.strip_prefix("+ process ") else { return left };
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    format!("{left} {}", String::from_utf8_lossy(&words).replace('\0', " "))
}

fn census(conex: &Conex) -> Census {
    Census::take(conex.roots()).expect("what is there can be counted")
}

/// The ids of those that run.
fn begin(conex: &Conex, containers: usize, report: &mut Report) -> Vec<String> {
    let commands = vec![[RUN, PROGRAM].concat(); containers];
    let started = Instant::now();
    let done = report.sift("start", conex.run_all(&commands));
    let rate = done.len() as f64 / started.elapsed().as_secs_f64();
    report.promised(format!("detached starts, {} at a time", workers()), rate, "/s", "≥ 100 for 1,000 on two cores");
    report.figure("a detached start", median_ms(&done), "ms");
    done.into_iter().map(|done| done.output.out.trim().to_owned()).collect()
}

/// What containers cost that only run, each.
fn weigh(ids: &[String], empty: &Census, full: &Census, report: &mut Report) {
    let each = |before: u64, after: u64| (after as f64 - before as f64) / ids.len() as f64;
    let shims = shims_pss_kib(ids).expect("shims can be looked into");
    if shims.len() != ids.len() {
        report.fault("shims", [format!("{} for {} containers", shims.len(), ids.len())]);
    }
    let pss = shims.iter().sum::<u64>() as f64 / shims.len() as f64;
    report.promised("a shim, mean", pss, "KiB PSS", "≤ 200, one of 50");
    // What is available becomes less.
    let memory = each(full.available_kib, empty.available_kib) / 1024.0;
    report.promised("system memory a container, with its files", memory, "MiB", "≤ 1.5 MB");
    let (root, run_root) = ((&empty.root, &full.root), (&empty.run_root, &full.run_root));
    report.promised("disk a container", each(root.0.bytes, root.1.bytes) / 1024.0, "KiB", "≤ 32");
    report.promised("disk a container", each(root.0.inodes, root.1.inodes), "inodes", "≤ 12");
    report.figure("run root a container", each(run_root.0.bytes, run_root.1.bytes) / 1024.0, "KiB");
    report.figure("run root a container", each(run_root.0.inodes, run_root.1.inodes), "inodes");
}

fn list(conex: &Conex, ids: &[String], report: &mut Report) {
    for (words, promise) in [(&["ps"][..], "≤ 20 with 1,000"), (&["ps", "-aq"], "")] {
        let done = (0..LISTS).map(|_| conex.run(words)).collect();
        let done = report.sift("ps", done);
        report.promised(format!("{}, median of {LISTS}", words.join(" ")), median_ms(&done), "ms", promise);
    }
    expect_listed(conex, &["ps", "-q"], ids.len(), "ps of those that run", report);
}

/// A sample, evenly spread.
fn enter(conex: &Conex, ids: &[String], report: &mut Report) {
    let sample = ids.iter().step_by(ids.len().div_ceil(SAMPLE).max(1));
    let done = sample.map(|id| conex.run(&["exec", id, "busybox", "true"])).collect();
    let done = report.sift("exec", done);
    report.figure(format!("exec of true, median of {}", done.len()), median_ms(&done), "ms");
}

fn stats(conex: &Conex, ids: &[String], report: &mut Report) {
    const WHAT: &str = "stats --no-stream";
    if conex.run(&["stats", "--help"]).output.status != 0 {
        return report.skipped(WHAT, "this conex has no stats");
    }
    let done = conex.run(&["stats", "--no-stream", "--format", "{{.ID}} {{.MemUsage}}"]);
    report.figure(WHAT, done.time.as_secs_f64() * 1e3, "ms");
    for done in report.sift("stats", vec![done]) {
        let told: BTreeSet<&str> = done.output.out.lines().filter_map(|line| line.split(' ').next()).collect();
        let missing = ids.iter().filter(|id| !told.contains(&id[..SHORT_ID_LEN]));
        report.fault("stats", missing.map(|id| format!("nothing of {id}")));
    }
}

/// As lists show an id.
const SHORT_ID_LEN: usize = 12;

fn end(conex: &Conex, ids: &[String], report: &mut Report) {
    let rate = in_batches(conex, &["stop", "-t", "0"], ids, "stop", report);
    report.figure(format!("stops, {BATCH} a command"), rate, "/s");
    expect_listed(conex, &["ps", "-q"], 0, "ps of those that run, once stopped", report);
    expect_listed(conex, &["ps", "-aq"], ids.len(), "ps of all, once stopped", report);
    let rate = in_batches(conex, &["rm"], ids, "rm", report);
    report.figure(format!("removals, {BATCH} a command"), rate, "/s");
    expect_listed(conex, &["ps", "-aq"], 0, "ps of all, once removed", report);
}

/// How many containers a second.
fn in_batches(conex: &Conex, verb: &[&str], ids: &[String], step: &'static str, report: &mut Report) -> f64 {
    let batch =
        |ids: &[String]| verb.iter().copied().chain(ids.iter().map(String::as_str)).map(str::to_owned).collect();
    let commands: Vec<Vec<String>> = ids.chunks(BATCH).map(batch).collect();
    let commands: Vec<Vec<&str>> = commands.iter().map(|words| words.iter().map(String::as_str).collect()).collect();
    let started = Instant::now();
    report.sift(step, conex.run_all(&commands));
    ids.len() as f64 / started.elapsed().as_secs_f64()
}

fn expect_listed(conex: &Conex, words: &[&str], count: usize, step: &'static str, report: &mut Report) {
    for done in report.sift(step, vec![conex.run(words)]) {
        let listed = done.output.out.lines().count();
        let fault = (listed != count).then(|| format!("{listed} containers are listed, not {count}"));
        report.fault(step, fault);
    }
}

/// Until there is no orphan any more; who still runs then is seen as left behind.
fn reap() {
    let deadline = Instant::now() + REAP_MAX;
    while Instant::now() < deadline {
        match wait(WaitOptions::NOHANG) {
            Err(_) => return,
            Ok(Some(_)) => {}
            Ok(None) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

fn median_ms(done: &[Done]) -> f64 {
    let mut times: Vec<Duration> = done.iter().map(|done| done.time).collect();
    times.sort_unstable();
    times.get(times.len() / 2).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}
