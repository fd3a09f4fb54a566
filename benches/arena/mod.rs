//! Where contenders meet: a host of their own, criterion for comparison with earlier runs, and one table in which every
//! contender runs once a round.

#![allow(dead_code, reason = "each benchmark uses what it needs")]

pub(crate) mod cloner;
pub(crate) mod debian;
pub(crate) mod place;
pub(crate) mod rounds;
pub(crate) mod table;

use std::{
    fs::{self, File},
    io,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use criterion::Criterion;
use place::PLACE;

/// One thing to measure: does its work so many times and says how long that took.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) time: Box<dyn FnMut(u64) -> Duration>,
}

/// A command for the container of this number.
pub(crate) type Numbered = Box<dyn FnMut(u64) -> Command>;

/// Criterion's figures; and, in a benchmark rather than a test of one, ours, as ratios to those two.
pub(crate) fn measure(group: &str, contenders: &mut [Contender], bases: [&str; 2], is_bench: bool) -> io::Result<()> {
    compare(Criterion::default(), group, contenders);
    if is_bench { table::print(contenders, bases) } else { Ok(()) }
}

/// Criterion's figures alone, beside those of its last run.
pub(crate) fn compare(criterion: Criterion, group: &str, contenders: &mut [Contender]) {
    let mut criterion = criterion.configure_from_args();
    let mut group = criterion.benchmark_group(group);
    for Contender { name, time } in contenders.iter_mut() {
        group.bench_function(*name, |bencher| bencher.iter_custom(&mut *time));
    }
    group.finish();
    criterion.final_summary();
}

/// A command as a contender; `None`, with the reason said, where it can't take part.
pub(crate) fn command(name: &'static str, program: &str, mut command: Numbered) -> Option<Contender> {
    match obstacle(program, &mut command(0)) {
        None => Some(contender(name, command)),
        Some(why) => {
            place::say(&format!("{name}: skipped: {why}"));
            None
        }
    }
}

/// Why a command can't take part, tried once.
fn obstacle(program: &str, command: &mut Command) -> Option<String> {
    if !program.is_empty() && place::find(program).is_none() {
        return Some(format!("{program} is not installed"));
    }
    let tried = own_streams(command).and_then(Command::status);
    let said = fs::read_to_string(Path::new(PLACE).join("streams")).unwrap_or_default();
    match tried {
        Ok(status) if status.success() => None,
        Ok(status) => Some(format!("{status}: {}", said.trim())),
        Err(error) => Some(error.to_string()),
    }
}

fn contender(name: &'static str, mut command: Numbered) -> Contender {
    let mut number = 0;
    let time = move |iterations| {
        let started = Instant::now();
        for _ in 0..iterations {
            number += 1;
            let status = own_streams(&mut command(number)).and_then(Command::status);
            assert!(status.is_ok_and(|status| status.success()), "{name} failed; it did not at first");
        }
        started.elapsed()
    };
    Contender { name, time: Box::new(time) }
}

/// Files of our own as standard input, output and error: crun gives all three to the container's root, and the
/// machine's /dev/null, or the caller's terminal, must not change hands.
fn own_streams(command: &mut Command) -> io::Result<&mut Command> {
    let file = File::options().read(true).append(true).create(true).open(Path::new(PLACE).join("streams"))?;
    Ok(command.stdin(file.try_clone()?).stdout(file.try_clone()?).stderr(file))
}

/// `crun run` of a bundle with this configuration; it makes no cgroup.
pub(crate) fn crun(config: &str) -> io::Result<Numbered> {
    let bundle = Path::new(PLACE).join("bundle");
    fs::create_dir(&bundle)?;
    fs::write(bundle.join("config.json"), config)?;
    Ok(Box::new(move |number| {
        let mut command = Command::new("crun");
        command.arg("--root").arg(Path::new(PLACE).join("crun")).arg("--cgroup-manager=disabled");
        command.args(["run", "--bundle"]).arg(&bundle).arg(format!("bench-{number}"));
        command
    }))
}
