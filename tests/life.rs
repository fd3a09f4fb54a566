//! Containers in the background: begun, listed, read, attached to, stopped, begun again.

#![forbid(unsafe_code)]

mod rig;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Child, ExitCode, Stdio},
    time::{Duration, Instant},
};

use rig::{begin, command, conex, entries, first_process, image, is_clean, logs, roots};
use rustix::process::{Pid, Signal, kill_process};
use testkit::{Case, TestHost, wait_until};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("a_container_lives_in_the_background", background),
            Case::user("a_container_lives_in_the_background_of_a_user", background),
            Case::root("a_made_container_waits_to_be_started", made),
            Case::root("what_has_ended_can_be_taken_away_at_once", pruned),
            Case::root("a_program_that_can_t_be_started_is_told_and_the_container_stays", unstartable),
            Case::root("stop_asks_first_and_then_kills", stopping),
            Case::root("everybody_who_waits_hears_how_it_ended", waiting),
            Case::root("whoever_attaches_hears_and_is_heard", attaching),
            Case::root("a_name_can_be_changed", renaming),
            Case::root("of_many_who_start_one_does", starting),
            Case::root("after_its_shim_was_killed_it_can_be_started", killed),
        ],
        rig::PROGRAMS,
    )
}

fn status(test: &TestHost, name: &str) -> String {
    let filter = conex(test, &["ps", "-a", "--format", "{{.Names}} {{.Status}}"]).success();
    let line = filter.lines().find_map(|line| line.strip_prefix(&format!("{name} "))).unwrap_or_default();
    line.to_owned()
}

fn background(test: &TestHost) {
    image(test);
    let id = begin(test, &["--name", "web"], "trap 'echo bye; exit 4' TERM; echo up; while :; do sleep 0.01; done");
    assert!(id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    wait_until("it is up", || logs(test, &["web"]).out == "up\n");
    assert!(status(test, "web").starts_with("Up "), "{}", status(test, "web"));
    assert_eq!(conex(test, &["start", "web"]).success(), "web\n", "it runs already");
    assert_eq!(conex(test, &["stop", "web"]).success(), "web\n");
    assert!(status(test, "web").starts_with("Exited (4) "), "{}", status(test, "web"));
    assert_eq!(logs(test, &["web"]).out, "up\nbye\n");
    assert_eq!(conex(test, &["stop", "web"]).success(), "web\n", "it has stopped already");
    assert_eq!(conex(test, &["start", &id[..12]]).success(), format!("{}\n", &id[..12]));
    wait_until("it is up again", || logs(test, &["web"]).out == "up\nbye\nup\n");
    assert_eq!(conex(test, &["restart", "web"]).success(), "web\n");
    wait_until("it is up for the third time", || logs(test, &["web"]).out == "up\nbye\nup\nbye\nup\n");
    let refused = conex(test, &["rm", "web"]);
    assert!(refused.status == 1 && refused.err.contains("container web is running"), "{refused:?}");
    conex(test, &["rm", "-f", "web"]).success();
    for verb in ["start", "stop", "restart", "kill", "wait", "logs", "attach"] {
        let missing = conex(test, &[verb, "web"]);
        assert_eq!(
            (missing.status, missing.err.contains("there is no container web")),
            (1, true),
            "{verb}: {missing:?}"
        );
    }
    assert!(is_clean(test));
}

fn made(test: &TestHost) {
    image(test);
    let words = ["create", "--name", "web", "--network", "none", "box", "busybox", "sh", "-c", "echo hi; exit 3"];
    let id = conex(test, &words).success();
    assert_eq!((id.trim().len(), status(test, "web").as_str()), (64, "Created"));
    let killed = conex(test, &["kill", "web"]);
    assert!(killed.status == 1 && killed.err.contains("is not running"), "{killed:?}");
    let started = conex(test, &["start", "-a", "web"]);
    assert_eq!((started.status, started.out.as_str()), (3, "hi\n"), "{started:?}");
    assert_eq!(conex(test, &["wait", "web"]).success(), "3\n");
    conex(test, &["rm", "web"]).success();
    assert!(is_clean(test));
}

fn pruned(test: &TestHost) {
    image(test);
    begin(test, &["--name", "up"], "sleep 1000");
    begin(test, &["--name", "down"], "echo x > /x");
    conex(test, &["wait", "down"]).success();
    conex(test, &["create", "--network", "none", "box"]).success();
    let none = conex(test, &["container", "prune", "--filter", "until=1h"]).success();
    assert_eq!(none, "Total reclaimed space: 0B\n");
    let told = conex(test, &["container", "prune", "-f", "--filter", "label!=keep"]).success();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[1].len()), (4, "Deleted Containers:", 64), "{told}");
    assert!(lines[3].starts_with("Total reclaimed space: ") && !lines[3].ends_with(" 0B"), "{told}");
    assert_eq!(conex(test, &["container", "prune"]).success(), "Total reclaimed space: 0B\n");
    assert_eq!(conex(test, &["ps", "-a", "--format", "{{.Names}}"]).success(), "up\n");
    conex(test, &["rm", "-f", "up"]).success();
    assert!(is_clean(test));
}

fn unstartable(test: &TestHost) {
    image(test);
    let background = conex(test, &["run", "-d", "--name", "web", "--network", "none", "box", "/no/such"]);
    assert_eq!((background.status, background.out.as_str()), (127, ""), "{background:?}");
    assert!(background.err.contains("/no/such"), "{background:?}");
    assert_eq!(status(test, "web"), "Created");
    let again = conex(test, &["start", "web"]);
    assert!(again.status == 1 && again.err.contains("/no/such"), "{again:?}");
    assert_eq!(status(test, "web"), "Created");
    conex(test, &["rm", "web"]).success();
    assert!(is_clean(test));
}

fn stopping(test: &TestHost) {
    image(test);
    let deaf = "trap '' TERM USR1; echo up; while :; do sleep 0.01; done";
    begin(test, &["--name", "deaf"], deaf);
    wait_until("it is up", || logs(test, &["deaf"]).out == "up\n");
    let started = Instant::now();
    conex(test, &["stop", "-t", "1", "deaf"]).success();
    let took = started.elapsed();
    assert!((1.0..5.0).contains(&took.as_secs_f64()), "{took:?}");
    assert!(status(test, "deaf").starts_with("Exited (137) "), "{}", status(test, "deaf"));
    conex(test, &["rm", "deaf"]).success();
    // Its own signal and patience; and another that the user names.
    let hears = "trap 'exit 5' USR1; trap 'exit 6' USR2; echo up; while :; do sleep 0.01; done";
    let flags = ["--name", "web", "--stop-signal", "SIGUSR1", "--stop-timeout", "100"];
    for (words, code) in [(&["stop", "web"][..], "5"), (&["stop", "-s", "USR2", "web"], "6")] {
        begin(test, &flags, hears);
        wait_until("it is up", || logs(test, &["web"]).out == "up\n");
        conex(test, words).success();
        assert_eq!(conex(test, &["wait", "web"]).success(), format!("{code}\n"));
        conex(test, &["rm", "web"]).success();
    }
    begin(test, &["--name", "web"], hears);
    wait_until("it is up", || logs(test, &["web"]).out == "up\n");
    let refused = conex(test, &["kill", "-s", "NOPE", "web"]);
    assert!(refused.status == 1 && refused.err.contains("there is no signal \"NOPE\""), "{refused:?}");
    conex(test, &["kill", "-s", "12", "web"]).success();
    assert_eq!(conex(test, &["wait", "web"]).success(), "6\n");
    // One that is not there does not keep the others.
    let several = conex(test, &["stop", "no", "web"]);
    assert_eq!((several.status, several.out.as_str()), (1, "web\n"));
    conex(test, &["rm", "web"]).success();
    assert!(is_clean(test));
}

fn waiting(test: &TestHost) {
    image(test);
    for flags in [&["--name", "web"][..], &["--rm", "--name", "web"]] {
        begin(test, flags, "while [ ! -e /tmp/go ]; do sleep 0.01; done; exit 9");
        let waiters: Vec<Child> =
            (0..5).map(|_| command(test, &["wait", "web"]).stdout(Stdio::piped()).spawn().expect("started")).collect();
        // Until all of them are connected.
        let (_, run_root) = roots(test);
        let control = entries(&run_root).pop().expect("a container").join("control");
        assert!(control.exists());
        std::thread::sleep(Duration::from_millis(200));
        fs::write(format!("/proc/{}/root/tmp/go", first_process(test)), "").expect("written");
        for waiter in waiters {
            let output = waiter.wait_with_output().expect("ended");
            assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"9\n"[..]), "{flags:?}");
        }
        conex(test, &["rm", "web"]);
    }
    assert!(is_clean(test));
}

fn attaching(test: &TestHost) {
    image(test);
    begin(test, &["--name", "web", "-i"], "while read line; do echo got $line; done; echo no more");
    let attach = || {
        let mut command = command(test, &["attach", "web"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("started")
    };
    let (mut one, mut other) = (attach(), attach());
    let hears = |child: &mut Child| BufReader::new(child.stdout.take().expect("a pipe"));
    let (mut from_one, mut from_other) = (hears(&mut one), hears(&mut other));
    // Both are there once both have been answered.
    std::thread::sleep(Duration::from_millis(300));
    one.stdin.as_mut().expect("a pipe").write_all(b"first\n").expect("written");
    for reader in [&mut from_one, &mut from_other] {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        assert_eq!(line, "got first\n");
    }
    // One who dies, or has nothing more to say, ends nothing.
    one.kill().expect("killed");
    one.wait().expect("reaped");
    other.stdin.as_mut().expect("a pipe").write_all(b"second\n").expect("written");
    let mut line = String::new();
    from_other.read_line(&mut line).expect("a line");
    assert_eq!(line, "got second\n");
    drop(other.stdin.take());
    std::thread::sleep(Duration::from_millis(100));
    assert!(status(test, "web").starts_with("Up "), "{}", status(test, "web"));
    conex(test, &["kill", "web"]).success();
    assert_eq!(other.wait().expect("ended").code(), Some(137));
    assert_eq!(logs(test, &["web"]).out, "got first\ngot second\n");
    let refused = conex(test, &["attach", "web"]);
    assert!(refused.status == 1 && refused.err.contains("is not running\nhint: conex start -a web"), "{refused:?}");
    conex(test, &["rm", "web"]).success();
    assert!(is_clean(test));
}

fn renaming(test: &TestHost) {
    image(test);
    begin(test, &["--name", "one"], "sleep 1000");
    begin(test, &["--name", "two"], "sleep 1000");
    let taken = conex(test, &["rename", "one", "two"]);
    assert!(taken.status == 1 && taken.err.contains("the name two is taken by container "), "{taken:?}");
    conex(test, &["rename", "one", "three"]).success();
    assert!(status(test, "three").starts_with("Up ") && status(test, "one").is_empty());
    conex(test, &["rename", "two", "one"]).success();
    let invalid = conex(test, &["rename", "one", "../x"]);
    assert!(invalid.status == 1 && invalid.err.contains("can't be a name"), "{invalid:?}");
    conex(test, &["rm", "-f", "one", "three"]).success();
    assert!(is_clean(test));
}

fn starting(test: &TestHost) {
    image(test);
    let words = ["create", "--name", "web", "--network", "none", "box", "busybox", "sh", "-c", "echo up; sleep 1000"];
    conex(test, &words).success();
    for _ in 0..5 {
        let all: Vec<Child> = (0..6).map(|_| command(test, &["start", "web"]).spawn().expect("started")).collect();
        for mut child in all {
            assert!(child.wait().expect("ended").success());
        }
        assert!(status(test, "web").starts_with("Up "), "{}", status(test, "web"));
        conex(test, &["kill", "web"]).success();
        conex(test, &["wait", "web"]).success();
    }
    assert_eq!(logs(test, &["web"]).out, "up\n".repeat(5));
    conex(test, &["rm", "web"]).success();
    assert!(is_clean(test));
}

fn killed(test: &TestHost) {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("a reaper of orphans");
    image(test);
    begin(test, &["--name", "web"], "echo up; sleep 1000");
    wait_until("it is up", || logs(test, &["web"]).out == "up\n");
    let attached = command(test, &["attach", "web"]).stderr(Stdio::piped()).spawn().expect("started");
    let waiter = command(test, &["wait", "web"]).stdout(Stdio::piped()).spawn().expect("started");
    std::thread::sleep(Duration::from_millis(200));
    let stat = fs::read_to_string(format!("/proc/{}/stat", first_process(test))).expect("a process");
    let shim = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)).expect("a parent");
    kill_process(Pid::from_raw(shim.parse().expect("a pid")).expect("a pid"), Signal::KILL).expect("killed");
    assert_eq!(attached.wait_with_output().expect("ended").status.code(), Some(255));
    assert_eq!(waiter.wait_with_output().expect("ended").stdout, b"255\n");
    wait_until("all are gone", || {
        while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
        status(test, "web").starts_with("Exited (255) ")
    });
    conex(test, &["start", "web"]).success();
    wait_until("it is up again", || logs(test, &["web"]).out == "up\nup\n");
    conex(test, &["rm", "-f", "web"]).success();
    assert!(is_clean(test));
}
