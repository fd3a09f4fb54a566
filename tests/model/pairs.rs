//! Two verbs at once that contradict each other.

use std::{process::Stdio, thread, time::Duration};

use testkit::TestHost;

use crate::{
    Model, NAMES, State,
    State::{Created, Exited, Paused, Running},
    check,
    rig::{command, conex, image},
    shown,
    verb::Verb,
};

/// Method: both at once, again and again; what is left must be what one order of both would have left.
pub(crate) fn pairs(test: &TestHost) {
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
        for round in 0..8 {
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
