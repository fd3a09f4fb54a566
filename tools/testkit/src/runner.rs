//! A target's `main`: lists, filters, skips and runs its cases, each in a test host of its own.

use std::{
    env,
    io::{self, Write},
    path::Path,
    process::ExitCode,
    time::Instant,
};

use crate::{Case, Ledger, stages};

/// Runs the cases that the command line asks for (`--list`, or words that a name contains). `programs` are binaries of
/// the workspace that the cases start, by path. With `--ledger=FILE` this process is in that file while it runs, and each
/// verdict begins a line, whatever a learner's function printed before it.
pub fn run(cases: &[Case], programs: &[&str]) -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [stage, name] = arguments.as_slice()
        && let Some(stage) = stages::Stage::of(stage)
    {
        let case = cases.iter().find(|case| case.name == name);
        return case.map_or(ExitCode::FAILURE, |case| stages::enter(stage, case, programs));
    }
    if arguments.iter().any(|argument| argument == "--list") {
        cases.iter().for_each(|case| say(&format!("{}: test", case.name)));
        return ExitCode::SUCCESS;
    }
    let words: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |case: &&Case| words.is_empty() || words.iter().any(|word| case.name.contains(word.as_str()));
    let ledger = arguments.iter().find_map(|argument| argument.strip_prefix("--ledger="));
    let ledger = ledger.map(|path| Ledger::at(Path::new(path)));
    if let Some(Err(error)) = ledger.as_ref().map(Ledger::enter_this_process) {
        say(&format!("the ledger can't be written: {error}"));
        return ExitCode::FAILURE;
    }
    let tell: fn(&str) = if ledger.is_some() { |line: &str| say(&format!("\n{line}")) } else { say };
    let done = run_all(&cases.iter().filter(wanted).collect::<Vec<_>>(), programs, tell);
    // A ledger that can't be cleared only makes the next one look for a process that is gone.
    let _ = ledger.map(|ledger| ledger.clear());
    done
}

fn run_all(cases: &[&Case], programs: &[&str], tell: fn(&str)) -> ExitCode {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let missing = programs.iter().find(|program| !Path::new(program).is_file());
    for case in cases {
        let obstacle =
            case.obstacle().or_else(|| missing.map(|program| format!("needs {program}, which was not built")));
        if let Some(obstacle) = obstacle {
            tell(&format!("skipped: {}: {obstacle}", case.name));
            skipped += 1;
            continue;
        }
        let started = Instant::now();
        let verdict = stages::run_in_host(case);
        let millis = started.elapsed().as_millis();
        match verdict {
            Ok(()) => passed += 1,
            Err(_) => failed += 1,
        }
        tell(&format!(
            "{} {} ({millis} ms){}",
            if verdict.is_ok() { "ok" } else { "FAILED" },
            case.name,
            verdict.err().map_or(String::new(), |why| format!(": {why}"))
        ));
    }
    say(&format!("{passed} passed, {failed} failed, {skipped} skipped"));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints a line of a report, such as a figure that a case found.
pub fn say(line: &str) {
    // Without standard output there is nobody to tell; the status still does.
    let _ = writeln!(io::stdout(), "{line}");
}

/// Prints what a check of a learner's work found in the running kernel, for the first hint.
pub fn saw(found: &str) {
    found.lines().for_each(|line| say(&format!("saw: {line}")));
}
