//! Random lives of containers beside a model of what is legal: after each verb, its status and what everybody is told
//! are the model's. Verbs are killed, shims are killed, verbs run against each other, and the machine loses its power.

#![forbid(unsafe_code)]

mod pairs;
mod power;
#[path = "../rig/mod.rs"]
mod rig;
mod verb;

use std::{
    collections::BTreeMap,
    path::Path,
    process::{ExitCode, Stdio},
    thread,
    time::Duration,
};

use proptest::{
    collection::vec,
    prelude::{Strategy, prop_oneof},
    test_runner::{Config, RngAlgorithm, RngSeed, TestRunner},
};
use rig::{cgroups, command, conex, entries, image, is_clean, roots};
use rustix::process::{Pid, Signal, kill_process};
use testkit::{Case, TestHost};
use verb::{Verb, verbs};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("random_lives_are_the_model_s", lives).with_cgroups(),
            Case::user("random_lives_are_the_model_s_for_a_user", lives_of_a_user),
            Case::root("of_two_verbs_that_contradict_each_other_one_wins", pairs::pairs),
            Case::root("after_a_power_loss_at_any_moment_nothing_acknowledged_is_lost", power::power),
        ],
        rig::PROGRAMS,
    )
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Created,
    Running,
    Paused,
    Exited,
}

use State::{Created, Exited, Paused, Running};

const NAMES: [&str; 3] = ["one", "two", "three"];

#[derive(Clone, Copy, Debug)]
enum Step {
    Do(Verb, usize),
    /// The command line is killed after so many milliseconds.
    Broken(Verb, usize, u64),
    /// The shim is killed.
    Orphaned(usize),
}

/// What there is, by name.
type Model = BTreeMap<&'static str, State>;

fn steps() -> impl Strategy<Value = Step> {
    let names = 0..NAMES.len();
    prop_oneof![
        8 => (verbs(), names.clone()).prop_map(|(verb, name)| Step::Do(verb, name)),
        2 => (verbs(), names.clone(), 0_u64..60).prop_map(|(verb, name, ms)| Step::Broken(verb, name, ms)),
        1 => names.prop_map(Step::Orphaned),
    ]
}

fn put(mut model: Model, (name, state): (&'static str, State)) -> Model {
    model.insert(name, state);
    model
}

/// What everybody is told.
fn shown(test: &TestHost) -> Model {
    let mut list = String::new();
    testkit::wait_until("nothing is being removed", || {
        list = conex(test, &["ps", "-a", "--format", "{{.Names}} {{.State}}"]).success();
        !list.contains("removing")
    });
    let of = |line: &str| {
        let (name, state) = line.split_once(' ').expect("two words");
        let name = NAMES.into_iter().find(|known| *known == name).expect("a name of ours");
        let state = match state {
            "created" => Created,
            "running" => Running,
            "paused" => Paused,
            "exited" => Exited,
            other => panic!("{name} is {other}"),
        };
        (name, state)
    };
    list.lines().map(of).collect()
}

/// Whether the host has what the model says, and nothing else.
fn check(test: &TestHost, model: &Model, step: &dyn std::fmt::Debug) {
    assert_eq!(shown(test), *model, "after {step:?}");
    let (root, run_root) = roots(test);
    let live = model.values().filter(|state| matches!(state, Running | Paused)).count();
    assert_eq!(entries(&run_root).len(), live, "run directories after {step:?}: {:?}", entries(&run_root));
    assert_eq!(entries(&root.join("containers")).len(), model.len(), "records after {step:?}");
    assert_eq!(entries(&root.join("names")).len(), model.len(), "names after {step:?}");
    // On v1 a container has several; none has one that does not live.
    let ids: std::collections::BTreeSet<_> =
        cgroups(Path::new("/sys/fs/cgroup")).iter().filter_map(|path| Some(path.file_name()?.to_owned())).collect();
    assert!(ids.len() <= live, "cgroups after {step:?}: {ids:?}");
}

const LIVES: u32 = 6;
const STEPS: usize = 25;

/// Method: the same lives each time, for a failure that comes again; `CONEX_MODEL_LIVES` and `CONEX_MODEL_SEED` give others.
fn lives(test: &TestHost) {
    run(test, |step| step);
}

/// Nobody gave him a cgroup, and nothing of his can stand still.
fn lives_of_a_user(test: &TestHost) {
    let possible = |verb| if verb == Verb::Pause { Verb::Exec } else { verb };
    run(test, move |step| match step {
        Step::Do(verb, name) => Step::Do(possible(verb), name),
        Step::Broken(verb, name, ms) => Step::Broken(possible(verb), name, ms),
        orphaned => orphaned,
    });
}

fn run(test: &TestHost, possible: impl Fn(Step) -> Step + Copy) {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("a reaper of orphans");
    image(test);
    let number = |variable: &str| std::env::var(variable).ok().and_then(|text| text.parse::<u64>().ok());
    let cases = number("CONEX_MODEL_LIVES").and_then(|count| u32::try_from(count).ok()).unwrap_or(LIVES);
    let rng_seed = RngSeed::Fixed(number("CONEX_MODEL_SEED").unwrap_or(1));
    let rng_algorithm = RngAlgorithm::ChaCha;
    let config =
        Config { cases, rng_seed, rng_algorithm, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
    let lived = TestRunner::new(config).run(&vec(steps(), STEPS), |steps| {
        live(test, &steps.into_iter().map(possible).collect::<Vec<_>>());
        Ok(())
    });
    lived.expect("every life is the model's");
    assert!(is_clean(test));
}

fn live(test: &TestHost, steps: &[Step]) {
    let mut model = Model::new();
    for step in steps {
        model = match *step {
            Step::Do(verb, name) => {
                let output = conex(test, &verb.words(NAMES[name]));
                let after = verb.apply(NAMES[name], &model);
                assert_eq!(output.status == 0, after.is_some(), "{step:?} of {model:?}: {output:?}");
                after.unwrap_or(model)
            }
            Step::Broken(verb, name, ms) => {
                broken(test, verb, NAMES[name], ms);
                settled(test, &model, verb, NAMES[name])
            }
            Step::Orphaned(name) => orphaned(test, NAMES[name], model),
        };
        check(test, &model, step);
    }
    for name in NAMES {
        conex(test, &["rm", "-f", name]).success();
    }
    check(test, &Model::new(), &"the end");
}

fn broken(test: &TestHost, verb: Verb, name: &'static str, ms: u64) {
    let mut child =
        command(test, &verb.words(name)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
    thread::sleep(Duration::from_millis(ms));
    // It may have ended before.
    let _ = child.kill();
    child.wait().expect("ended");
}

/// What came of a verb that may have been done, or not, or half: then it is what the kernel and the disk say, if that is
/// legal.
fn settled(test: &TestHost, before: &Model, verb: Verb, name: &'static str) -> Model {
    let done = verb.apply(name, before).unwrap_or_else(|| before.clone());
    let half = match verb {
        // Made and not started; killed and not started again.
        Verb::Run if !before.contains_key(name) => vec![put(before.clone(), (name, Created))],
        Verb::Restart if before.contains_key(name) => vec![put(before.clone(), (name, Exited))],
        // A signal or a thaw has come, and its consequence is still to come.
        Verb::Stop | Verb::Kill | Verb::RemoveByForce if before.contains_key(name) => {
            vec![put(before.clone(), (name, Running)), put(before.clone(), (name, Exited))]
        }
        _ => Vec::new(),
    };
    let mut now = shown(test);
    // What was begun goes on for a moment: a shim starts, a container ends.
    let mut same = 0;
    for _ in 0..100 {
        thread::sleep(Duration::from_millis(20));
        let later = shown(test);
        same = if later == now { same + 1 } else { 0 };
        now = later;
        if same == 5 {
            break;
        }
    }
    if now == *before || now == done {
        return now;
    }
    assert!(half.contains(&now), "{verb:?} {name} of {before:?}, broken off, made {now:?}");
    now
}

fn orphaned(test: &TestHost, name: &'static str, model: Model) -> Model {
    let Some(Running | Paused) = model.get(name) else { return model };
    let pid = conex(test, &["inspect", "-f", "{{.State.Pid}}", name]).success();
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.trim())).expect("it lives");
    let shim = status.lines().find_map(|line| line.strip_prefix("PPid:\t")).expect("a parent");
    let shim = Pid::from_raw(shim.parse().expect("a pid")).expect("a pid");
    kill_process(shim, Signal::KILL).expect("killed");
    testkit::wait_until("the next command sees it", || shown(test).get(name) == Some(&Exited));
    put(model, (name, Exited))
}
