//! kill -9 of the command line, the shim or the container's first process, at every moment of a life: after the next
//! command nothing is left, and whoever still lives told the truth.

#![forbid(unsafe_code)]

mod rig;

use std::{
    fs,
    path::Path,
    process::{Child, ExitCode, Stdio},
    time::{Duration, Instant},
};

use conex::{Begin, Choices, Engine, Frame, Paths};
use rig::{command, conex, image, is_clean, roots};
use rustix::process::{Pid, Signal, kill_process};
use testkit::{Case, TestHost, wait_until};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("nothing_is_left_whoever_is_killed_whenever_as_root", whoever_whenever),
            Case::user("nothing_is_left_whoever_is_killed_whenever_as_a_user", whoever_whenever),
            Case::root("nothing_is_left_when_the_shim_or_the_init_is_killed_at_any_operation", any_operation),
            Case::root("a_killed_shim_is_told_as_255_and_its_container_dies", shim_of_a_running_container),
            Case::root("a_killed_container_is_told_as_137", container),
            Case::root("a_container_outlives_its_command_line", outlives),
            Case::root("a_birth_is_never_disturbed_by_ps", births),
            Case::root("two_hundred_at_once_all_run_and_leave_nothing", many),
            Case::root("of_two_with_one_name_one_runs", one_name),
        ],
        rig::PROGRAMS,
    )
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    CommandLine,
    Shim,
    Init,
}

const SLEEPER: [&str; 8] = ["run", "--rm", "--network", "none", "box", "busybox", "sleep", "0.02"];

/// A life takes about this long here; the last moments lie after its end.
const LIFE: Duration = Duration::from_millis(45);
const MOMENTS: u32 = 60;

/// Method: the same container again and again, one victim killed at one moment each; then `ps`, and a look at the host.
fn whoever_whenever(test: &TestHost) {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("a reaper of orphans");
    image(test);
    conex(test, &SLEEPER).success();
    let before = test.fingerprint();
    for victim in [Victim::CommandLine, Victim::Shim, Victim::Init] {
        for moment in 0..MOMENTS {
            let started = Instant::now();
            let mut child =
                command(test, &SLEEPER).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
            std::thread::sleep((LIFE * moment / MOMENTS).saturating_sub(started.elapsed()));
            let hit = strike(&child, victim);
            let when =
                format!("{victim:?} killed after {:?} ({})", started.elapsed(), if hit { "hit" } else { "not there" });
            let status = child.wait().expect("ended");
            if victim != Victim::CommandLine {
                let code = status.code().unwrap_or_else(|| panic!("{when}: the command line died of {status}"));
                let honest = [0, 255, 137, 125].contains(&code);
                assert!(honest, "{when}: exit code {code}");
                assert!(hit || code == 0, "{when}: exit code {code}");
            }
            settle(test);
            assert!(is_clean(test), "{when}: {:?}", conex(test, &["ps", "-a"]));
            before.assert_same(&test.fingerprint(), &when);
        }
    }
}

/// Kills one of the three, if it is there already.
fn strike(child: &Child, victim: Victim) -> bool {
    let cli = i32::try_from(child.id()).expect("a pid");
    let only = |parent: i32| children(parent).first().copied();
    let pid = match victim {
        Victim::CommandLine => Some(cli),
        Victim::Shim => only(cli),
        Victim::Init => only(cli).and_then(only),
    };
    pid.and_then(Pid::from_raw).is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
}

fn children(parent: i32) -> Vec<i32> {
    let list = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Orphans are ours to reap; then the next command finishes what was left.
fn settle(test: &TestHost) {
    wait_until("no process of a container's is left", || {
        while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
        let own = std::process::id().to_string();
        children(own.parse().expect("a pid")).is_empty()
    });
    conex(test, &["ps", "-a"]).success();
}

/// Method: the engine as a library; the shim tells every operation, and at each of them one of the two is killed.
fn any_operation(test: &TestHost) {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("a reaper of orphans");
    image(test);
    let (root, run_root) = roots(test);
    let open = || Engine::open(Paths::choose(Some(root.clone()), Some(run_root.clone()))).expect("an engine");
    let count = live(&open(), None);
    assert!(count > 40, "{count} operations are too few to be true");
    let before = test.fingerprint();
    for victim in [Victim::Shim, Victim::Init] {
        for operation in 0..count {
            live(&open(), Some((victim, operation)));
            settle(test);
            let when = format!("{victim:?} killed at operation {operation} of {count}");
            assert!(is_clean(test), "{when}: {:?}", conex(test, &["ps", "-a"]));
            before.assert_same(&test.fingerprint(), &when);
        }
    }
}

/// One container's life; gives how many operations were told.
fn live(engine: &Engine, kill: Option<(Victim, usize)>) -> usize {
    let words = ["busybox", "sleep", "0.01"].map(str::to_owned).to_vec();
    let choices = Choices { remove: true, ..Choices::of_image(engine, "box", words).expect("choices") };
    let created = engine.create(choices, None).expect("created");
    let started = engine.start(created, Begin { explain: true, ..Begin::default() }).expect("a shim");
    let mut told = 0;
    while let Some((frame, _)) = started.stream.receive().expect("a frame") {
        if !matches!(frame, Frame::Told(_)) {
            continue;
        }
        if let Some((victim, operation)) = kill
            && operation == told
        {
            let own = i32::try_from(std::process::id()).expect("a pid");
            let only = |parent: i32| children(parent).first().copied();
            let pid = if victim == Victim::Shim { only(own) } else { only(own).and_then(only) };
            // Before the clone there is no init to kill.
            pid.and_then(Pid::from_raw).map(|pid| kill_process(pid, Signal::KILL));
        }
        told += 1;
    }
    started.reap();
    told
}

/// A container that says when it is up, under this name.
fn up(test: &TestHost, name: &str, script: &str) -> Child {
    let script = format!("echo up; {script}");
    let arguments = ["run", "--network", "none", "--name", name, "box", "busybox", "sh", "-c", &script];
    let mut child = command(test, &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    let mut first = [0; 3];
    std::io::Read::read_exact(child.stdout.as_mut().expect("a pipe"), &mut first).expect("it is up");
    child
}

fn state(test: &TestHost, name: &str) -> String {
    let table = conex(test, &["ps", "-a"]).success();
    table.lines().find(|line| line.ends_with(name)).unwrap_or_default().to_owned()
}

fn shim_of_a_running_container(test: &TestHost) {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("a reaper of orphans");
    image(test);
    let mut child = up(test, "web", "sleep 1000");
    let shim = children(i32::try_from(child.id()).expect("a pid"))[0];
    let init = children(shim)[0];
    kill_process(Pid::from_raw(shim).expect("a pid"), Signal::KILL).expect("killed");
    assert_eq!(child.wait().expect("ended").code(), Some(255));
    wait_until("the container died with its shim", || {
        while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
        !Path::new(&format!("/proc/{init}")).exists()
    });
    assert!(state(test, "web").contains("Exited (255)"), "{}", state(test, "web"));
    conex(test, &["rm", "web"]).success();
    assert!(is_clean(test));
}

fn container(test: &TestHost) {
    image(test);
    let mut child = up(test, "web", "sleep 1000");
    let shim = children(i32::try_from(child.id()).expect("a pid"))[0];
    let init = Pid::from_raw(children(shim)[0]).expect("a pid");
    kill_process(init, Signal::KILL).expect("killed");
    assert_eq!(child.wait().expect("ended").code(), Some(137));
    assert!(state(test, "web").contains("Exited (137)"), "{}", state(test, "web"));
    conex(test, &["rm", "web"]).success();
}

fn outlives(test: &TestHost) {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("a reaper of orphans");
    image(test);
    let mut child = up(test, "web", "while :; do echo more; sleep 0.01; done");
    child.kill().expect("killed");
    child.wait().expect("reaped");
    assert!(state(test, "web").contains(" Up "), "{}", state(test, "web"));
    let refused = conex(test, &["rm", "web"]);
    let expected = "error: container web is running\nhint: stop it by force: conex rm -f web\n";
    assert_eq!((refused.status, refused.err.as_str()), (1, expected));
    conex(test, &["rm", "-f", "web"]).success();
    settle(test);
    assert!(is_clean(test));
}

fn births(test: &TestHost) {
    image(test);
    for _ in 0..20 {
        let mut run = command(test, &["run", "--rm", "--network", "none", "box", "busybox", "true"]);
        let mut child = run.spawn().expect("started");
        while child.try_wait().expect("a child").is_none() {
            conex(test, &["ps", "-a"]).success();
        }
        assert_eq!(child.wait().expect("ended").code(), Some(0));
    }
    assert!(is_clean(test));
}

fn many(test: &TestHost) {
    image(test);
    let arguments = ["run", "--rm", "--network", "none", "box", "busybox", "echo", "here"];
    let children: Vec<Child> =
        (0..200).map(|_| command(test, &arguments).stdout(Stdio::piped()).spawn().expect("started")).collect();
    for child in children {
        let output = child.wait_with_output().expect("ended");
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"here\n"[..]));
    }
    let (_, run_root) = roots(test);
    assert!(is_clean(test), "{:?}", rig::entries(&run_root));
}

fn one_name(test: &TestHost) {
    image(test);
    for _ in 0..10 {
        let arguments = ["run", "--rm", "-i", "--network", "none", "--name", "one", "box", "busybox", "cat"];
        // The one that runs ends only once its input does: by then the other has been refused.
        let start = || command(test, &arguments).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
        let (mut one, mut other) = (start(), start());
        wait_until("one of them has ended", || {
            [&mut one, &mut other].into_iter().any(|child| child.try_wait().expect("a child").is_some())
        });
        let ended = [one, other].map(|child| child.wait_with_output().expect("ended"));
        let codes: Vec<Option<i32>> = ended.iter().map(|output| output.status.code()).collect();
        assert!(codes.contains(&Some(0)) && codes.contains(&Some(125)), "{codes:?}");
        let said: String = ended.iter().map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).collect();
        assert!(said.contains("the name one is taken by container "), "{said}");
        assert!(is_clean(test));
    }
}
