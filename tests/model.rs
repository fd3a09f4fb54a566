//! Random lives of containers beside a model of what is legal: after each verb, its status and what everybody is told
//! are the model's. Verbs are killed, shims are killed, verbs run against each other, and the machine loses its power.

#![forbid(unsafe_code)]

mod rig;

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, ExitCode, Stdio},
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
use testkit::{Case, TestHost, say};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("random_lives_are_the_model_s", lives).with_cgroups(),
            Case::user("random_lives_are_the_model_s_for_a_user", lives_of_a_user),
            Case::root("of_two_verbs_that_contradict_each_other_one_wins", pairs),
            Case::root("after_a_power_loss_at_any_moment_nothing_acknowledged_is_lost", power),
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Create,
    Run,
    Start,
    Stop,
    Restart,
    Kill,
    Pause,
    Unpause,
    Remove,
    RemoveByForce,
    Exec,
    Rename(usize),
}

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

fn verbs() -> impl Strategy<Value = Verb> {
    let plain = [
        Verb::Create,
        Verb::Run,
        Verb::Run,
        Verb::Start,
        Verb::Stop,
        Verb::Restart,
        Verb::Kill,
        Verb::Pause,
        Verb::Unpause,
        Verb::Remove,
        Verb::RemoveByForce,
        Verb::Exec,
    ];
    prop_oneof![8 => proptest::sample::select(plain.to_vec()), 1 => (0..NAMES.len()).prop_map(Verb::Rename)]
}

fn steps() -> impl Strategy<Value = Step> {
    let names = 0..NAMES.len();
    prop_oneof![
        8 => (verbs(), names.clone()).prop_map(|(verb, name)| Step::Do(verb, name)),
        2 => (verbs(), names.clone(), 0_u64..60).prop_map(|(verb, name, ms)| Step::Broken(verb, name, ms)),
        1 => names.prop_map(Step::Orphaned),
    ]
}

impl Verb {
    fn words(self, name: &'static str) -> Vec<&'static str> {
        let sleeper = ["--network", "none", "box", "busybox", "sleep", "1000"];
        let made = |verb: &[&'static str]| [verb, &["--name", name], &sleeper[..]].concat();
        match self {
            Self::Create => made(&["create"]),
            Self::Run => made(&["run", "-d"]),
            Self::Start => vec!["start", name],
            Self::Stop => vec!["stop", "-t", "0", name],
            Self::Restart => vec!["restart", "-t", "0", name],
            Self::Kill => vec!["kill", name],
            Self::Pause => vec!["pause", name],
            Self::Unpause => vec!["unpause", name],
            Self::Remove => vec!["rm", name],
            Self::RemoveByForce => vec!["rm", "-f", name],
            Self::Exec => vec!["exec", name, "busybox", "true"],
            Self::Rename(other) => vec!["rename", name, NAMES[other]],
        }
    }

    /// What it makes of the model; `None` if it is refused, and then nothing changes.
    fn apply(self, name: &'static str, model: &Model) -> Option<Model> {
        let state = model.get(name).copied();
        let with = |state: State| Some([(name, state)].into_iter().fold(model.clone(), put));
        let without = || Some(model.clone().into_iter().filter(|(other, _)| *other != name).collect());
        match (self, state) {
            (Self::Create, None) => with(Created),
            (Self::Run, None) => with(Running),
            (Self::Create | Self::Run, Some(_)) => None,
            (Self::RemoveByForce, _) => without(),
            (_, None) => None,
            (Self::Start, Some(Paused)) => None,
            (Self::Start | Self::Restart, Some(_)) => with(Running),
            (Self::Stop, Some(Running | Paused)) | (Self::Kill, Some(Running | Paused)) => with(Exited),
            (Self::Stop, Some(state)) => with(state),
            (Self::Kill, Some(_)) => None,
            (Self::Pause, Some(Running)) => with(Paused),
            (Self::Unpause, Some(Paused)) => with(Running),
            (Self::Pause | Self::Unpause, Some(_)) => None,
            (Self::Remove, Some(Created | Exited)) => without(),
            (Self::Remove, Some(_)) => None,
            (Self::Exec, Some(Running)) => Some(model.clone()),
            (Self::Exec, Some(_)) => None,
            (Self::Rename(other), Some(state)) if !model.contains_key(NAMES[other]) => {
                without().map(|left: Model| put(left, (NAMES[other], state)))
            }
            (Self::Rename(_), Some(_)) => None,
        }
    }
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
    for _ in 0..50 {
        thread::sleep(Duration::from_millis(4));
        let later = shown(test);
        if later == now && (later == *before || later == done) {
            return later;
        }
        now = later;
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

/// Method: both at once, again and again; what is left must be what one order of both would have left.
fn pairs(test: &TestHost) {
    image(test);
    let table: [(Verb, Verb, State); 8] = [
        (Verb::Start, Verb::Remove, Exited),
        (Verb::Stop, Verb::Restart, Running),
        (Verb::Rename(1), Verb::Rename(2), Running),
        (Verb::Exec, Verb::RemoveByForce, Running),
        (Verb::Pause, Verb::Kill, Running),
        (Verb::Unpause, Verb::Stop, Paused),
        (Verb::Start, Verb::Start, Created),
        (Verb::RemoveByForce, Verb::RemoveByForce, Paused),
    ];
    for (one, other, state) in table {
        for round in 0..12 {
            let before = Model::from([("one", state)]);
            reach(test, state);
            let start =
                |verb: Verb| command(test, &verb.words("one")).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
            let first = start(one).expect("started");
            thread::sleep(Duration::from_millis(round));
            let second = start(other).expect("started");
            let (first, second) = (first.wait_with_output().expect("ended"), second.wait_with_output().expect("ended"));
            let in_order = |a: Verb, b: Verb| {
                let then = a.apply("one", &before).unwrap_or_else(|| before.clone());
                b.apply("one", &then).unwrap_or(then)
            };
            let legal = [in_order(one, other), in_order(other, one)];
            testkit::wait_until("what is left is legal", || legal.contains(&shown(test)));
            for output in [&first, &second].into_iter().filter(|output| !output.status.success()) {
                let told = String::from_utf8_lossy(&output.stderr);
                // A program of exec that was killed with its container says nothing.
                let is_told = told.starts_with("error: ") || output.status.code() == Some(137);
                assert!(is_told, "{one:?} and {other:?} of {state:?}: {told}");
            }
            for name in NAMES {
                conex(test, &["rm", "-f", name]).success();
            }
            check(test, &Model::new(), &(one, other));
        }
    }
}

/// Brings the container `one` there.
fn reach(test: &TestHost, state: State) {
    let verbs: &[Verb] = match state {
        Created => &[Verb::Create],
        Running => &[Verb::Run],
        Paused => &[Verb::Run, Verb::Pause],
        Exited => &[Verb::Run, Verb::Kill],
    };
    for verb in verbs {
        conex(test, &verb.words("one")).success();
    }
    testkit::wait_until("it is there", || shown(test).get("one") == Some(&state));
}

/// Method: the state root is copied at random moments of a life; the run root and all processes are gone with the power.
/// From each copy the engine starts, and knows what was acknowledged before the copy began.
fn power(test: &TestHost) {
    image(test);
    let (root, _) = roots(test);
    let script = "for i in $(seq 20); do
            $0 create --name one --network none box busybox true > /dev/null
            $0 start -a one
            $0 rename one two
            $0 rm two > /dev/null
        done";
    let (roots, run_root) = roots(test);
    let mut life = Command::new("sh");
    life.args(["-ec", script]).arg(test.program("conex")).env("CONEX_ROOT", roots).env("CONEX_RUN_ROOT", run_root);
    let mut life = life.spawn().expect("started");
    let mut copies = 0;
    while life.try_wait().expect("asked").is_none() {
        let copy = test.root.join("copy");
        // What vanishes while it is copied is told by cp, and is as if it had never been there.
        let _ = Command::new("cp").args(["-a"]).arg(&root).arg(&copy).stderr(Stdio::null()).status();
        let after = |words: &[&str]| {
            let mut conex = Command::new(test.program("conex"));
            conex.args(["--root"]).arg(&copy).arg("--run-root").arg(test.run_root.join("other")).args(words);
            test.run(&mut conex)
        };
        let list = after(&["ps", "-a", "--format", "{{.ID}} {{.State}}"]).success();
        assert!(list.lines().count() <= 1 && !list.contains("running"), "{list}");
        for id in list.lines().filter_map(|line| line.split(' ').next()) {
            after(&["rm", "-f", id]).success();
        }
        // Both names are free again, and the image is whole.
        for name in ["one", "two"] {
            after(&["run", "--rm", "--name", name, "--network", "none", "box", "busybox", "true"]).success();
        }
        assert!(entries(&copy.join("containers")).is_empty() && entries(&copy.join("names")).is_empty());
        std::fs::remove_dir_all(&copy).expect("removed");
        copies += 1;
        thread::sleep(Duration::from_millis(7 * (copies % 5)));
    }
    say(&format!("  started from {copies} copies"));
    assert!(copies >= 10 && life.wait().expect("ended").success());
    assert!(is_clean(test));
}
