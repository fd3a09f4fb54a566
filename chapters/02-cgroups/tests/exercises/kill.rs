//! `kill::kill`.

use std::{fs, process::Command, rc::Rc};

use conex_cgroups::{Version, World, exercises::kill};
use conex_kernel::Kernel;
use testkit::{Case, TestHost, saw, wait_until};

use crate::place::{self, Asked, Place};

pub(crate) const CASES: &[Case] = &[
    Case::exercise_as_root("cgroups.kill: a fork bomb ends at one stroke", on_v2),
    Case::exercise_as_root("cgroups.kill: on v1 nobody is born while others are killed", on_v1),
    Case::exercise_as_root("cgroups.kill: who is frozen dies, too", frozen),
];

/// A fork bomb on a leash: there is always somebody who is just being born, and never more than twenty, since whoever
/// kills them needs a processor, too.
const BOMB: &str =
    "for n in 1 2 3 4 5 6 7 8; do (while :; do busybox sleep 0.01 & wait; done) & done; busybox sleep 1000";

/// After the function, nobody may be left in the cgroup; for a moment somebody may still be dying.
fn kills(place: &Place, version: Version) {
    let before = place.processes().len();
    kill(&Kernel::quiet(), &place.directory, version).expect("killed");
    let started = std::time::Instant::now();
    while !place.processes().is_empty() && started.elapsed().as_secs() < 3 {
        // The dead who were born to us stay until they are waited for.
        let _ = nix::sys::wait::waitpid(None, Some(nix::sys::wait::WaitPidFlag::WNOHANG));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    saw(&format!("processes in the cgroup: {before} before, {} after", place.processes().len()));
    assert_eq!(place.processes(), [""; 0], "these are left");
}

fn on_v2(_test: &TestHost) {
    let place = place::unified();
    fs::create_dir(place.directory.join("inner")).expect("made");
    let _bomb = place.start(BOMB);
    let _inner =
        place.start(&format!("echo 0 > {}/inner/cgroup.procs; exec busybox sleep 1000", place.directory.display()));
    wait_until("they run", || place.processes().len() > 8 && !place.read("inner/cgroup.procs").is_empty());
    kills(&place, Version::V2);
}

/// The freezer of a host that has v1. Elsewhere files stand for it: then only what is asked of the kernel can be tried.
fn freezer() -> Option<Place> {
    let world = World::probe().expect("a world");
    let has = world.with("freezer").is_some_and(|tree| tree.version == Version::V1);
    has.then(|| place::with("freezer"))
}

/// What is asked of the kernel for a v1 cgroup that holds one process; it is in no such cgroup in truth.
fn asked(test: &TestHost, state: &str) -> Vec<String> {
    let mut sleeper = Command::new("busybox").args(["sleep", "1000"]).spawn().expect("a process");
    let directory = test.directory("freezer");
    fs::write(directory.join("freezer.state"), format!("{state}\n")).expect("written");
    fs::write(directory.join("cgroup.procs"), format!("{}\n", sleeper.id())).expect("written");
    let observer = Rc::new(Asked::default());
    // The file lists the dead for ever, so that it may say in the end that some don't die.
    let _ = kill(&Kernel::observed(observer.clone()), &directory, Version::V1);
    let _ = sleeper.kill().and_then(|()| sleeper.wait());
    let pid = sleeper.id().to_string();
    let short = |line: &String| match line {
        line if line.starts_with("kill ") && line.ends_with(&pid) => "kill".to_owned(),
        line if line.contains("FROZEN") => "freeze".to_owned(),
        line if line.contains("THAWED") => "thaw".to_owned(),
        other => other.clone(),
    };
    let mut asked: Vec<String> = observer.0.borrow().iter().map(short).collect();
    asked.truncate(6);
    saw(&format!("asked of the kernel on v1: {} and so on", asked.join(", ")));
    asked
}

fn on_v1(test: &TestHost) {
    assert_eq!(asked(test, "THAWED")[..3], ["freeze", "kill", "thaw"]);
    let Some(place) = freezer() else { return };
    let _bomb = place.start(BOMB);
    wait_until("it runs", || place.processes().len() > 8);
    kills(&place, Version::V1);
    assert_eq!(place.read("freezer.state").trim(), "THAWED", "whoever comes next must not stand still");
}

fn frozen(test: &TestHost) {
    let asked = asked(test, "FROZEN");
    let place_of = |word: &str| asked.iter().position(|one| one == word);
    assert!(place_of("kill").is_some() && place_of("kill") < place_of("thaw"), "thawed once the signal waits for it");
    let Some(place) = freezer() else { return };
    let _sleeper = place.start("exec busybox sleep 1000");
    wait_until("it runs", || !place.processes().is_empty());
    fs::write(place.directory.join("freezer.state"), "FROZEN").expect("frozen");
    kills(&place, Version::V1);
}
