//! What every exercise must pass before a learner meets it, tried with the learner's own tool in a learner's own tree. There
//! is one tree for all gates, one after the other, so that what one has built stays warm for the next.

#![forbid(unsafe_code)]

mod book;
mod contained;
mod leaks;
mod learner;
mod mistakes;
mod rights;
mod tree;

use std::{
    panic::{self, AssertUnwindSafe},
    process::ExitCode,
    time::Instant,
};

use serde_json::Value;
use testkit::say;
use tree::{Said, Tree};

/// A claim, and what tries it: a panic is a failure.
struct Gate {
    claim: &'static str,
    run: fn(&Tree),
}

const GATES: [Gate; 7] = [
    Gate { claim: "two_statements_of_an_answer_stand_nowhere_else", run: leaks::nowhere_else },
    Gate {
        claim: "every_exercise_leads_from_red_to_green_and_to_the_engine_on_that_floor_and_its_mistakes_are_caught",
        run: learner::to_the_engine,
    },
    Gate { claim: "a_solution_that_does_harm_is_red_in_time_and_leaves_nothing", run: contained::leaves_nothing },
    Gate { claim: "what_a_killed_check_left_is_ended_by_reset", run: contained::ended_by_reset },
    Gate { claim: "cargo_under_sudo_is_refused_in_words", run: rights::refused_in_words },
    Gate { claim: "only_what_was_built_is_given_to_sudo_and_only_by_a_user", run: rights::only_by_a_user },
    Gate { claim: "every_page_s_blocks_of_the_tool_do_what_they_show", run: book::do_what_they_show },
];

/// Tries the gates whose claims hold a word of the command line, or all.
fn main() -> ExitCode {
    let (options, words): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|word| word.starts_with('-'));
    let wanted = |gate: &&Gate| words.is_empty() || words.iter().any(|word| gate.claim.contains(word.as_str()));
    let gates: Vec<&Gate> = GATES.iter().filter(wanted).collect();
    if options.iter().any(|option| option == "--list") {
        gates.iter().for_each(|gate| say(&format!("{}: test", gate.claim)));
        return ExitCode::SUCCESS;
    }
    if gates.is_empty() {
        return ExitCode::SUCCESS;
    }
    let tree = Tree::make();
    let failed = gates.into_iter().filter(|gate| !holds(gate, &tree)).count();
    ExitCode::from(u8::from(failed > 0))
}

fn holds(gate: &Gate, tree: &Tree) -> bool {
    let started = Instant::now();
    tree.renew();
    let held = panic::catch_unwind(AssertUnwindSafe(|| (gate.run)(tree))).is_ok();
    let word = if held { "ok" } else { "FAILED" };
    say(&format!("{word} {} ({:.0} s)", gate.claim, started.elapsed().as_secs_f64()));
    held
}

/// What a check said of one claim.
struct Outcome {
    exercise: String,
    claim: String,
    holds: Option<bool>,
    reason: Option<String>,
}

/// From `check --json`.
fn outcomes(said: &Said) -> Vec<Outcome> {
    let outcome = |line: &str| -> Outcome {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let text = |key: &str| value[key].as_str().expect("a text").to_owned();
        let reason = value["reason"].as_str().map(str::to_owned);
        Outcome { exercise: text("exercise"), claim: text("claim"), holds: value["holds"].as_bool(), reason }
    };
    let all: Vec<Outcome> = said.out.lines().map(outcome).collect();
    assert!(!all.is_empty(), "nothing was checked: {}", said.err);
    all
}
