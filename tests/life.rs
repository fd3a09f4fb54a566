//! Containers in the background: begun, listed, read, attached to, stopped, begun again.

#![forbid(unsafe_code)]

mod rig;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ExitCode, Stdio},
    time::{Duration, Instant},
};

use rig::{command, conex, entries, image, is_clean, roots};
use rustix::{
    mount::{MountFlags, UnmountFlags, mount, unmount},
    process::{Pid, Signal, kill_process},
};
use testkit::{Case, Output, TestHost, wait_until};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("a_container_lives_in_the_background", background),
            Case::user("a_container_lives_in_the_background_of_a_user", background),
            Case::root("a_made_container_waits_to_be_started", made),
            Case::root("what_has_ended_can_be_taken_away_at_once", pruned),
            Case::root("a_program_that_can_t_be_started_is_told_and_the_container_stays", unstartable),
            Case::root("a_log_has_docker_s_lines", lines),
            Case::root("a_log_is_shown_as_it_was_asked_for", shown),
            Case::root("who_follows_a_log_loses_nothing_when_it_is_rotated", rotated),
            Case::root("a_full_disk_keeps_nobody_and_the_log_says_what_is_missing", full),
            Case::root("a_container_has_the_log_that_was_chosen", chosen),
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

/// `conex run -d --network none FLAGS… box busybox sh -c SCRIPT`.
#[track_caller]
fn begin(test: &TestHost, flags: &[&str], script: &str) -> String {
    let words = ["box", "busybox", "sh", "-c", script];
    let out = conex(test, &[&["run", "-d", "--network", "none"], flags, &words[..]].concat()).success();
    out.trim().to_owned()
}

fn status(test: &TestHost, name: &str) -> String {
    let filter = conex(test, &["ps", "-a", "--format", "{{.Names}} {{.Status}}"]).success();
    let line = filter.lines().find_map(|line| line.strip_prefix(&format!("{name} "))).unwrap_or_default();
    line.to_owned()
}

fn logs(test: &TestHost, words: &[&str]) -> Output {
    conex(test, &[&["logs"], words].concat())
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
    let told = conex(test, &["container", "prune", "-f"]).success();
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

fn lines(test: &TestHost) {
    image(test);
    let script = "echo one; sleep 0.1; echo '<two>' >&2; sleep 0.1; busybox yes x | busybox tr -d '\\n' | \
                  busybox head -c 40000; echo; printf '\\377end'";
    begin(test, &["--name", "web"], script);
    conex(test, &["wait", "web"]).success();
    let (root, _) = roots(test);
    let container = entries(&root.join("containers")).pop().expect("a container");
    let name = container.file_name().expect("a name").to_str().expect("text");
    let text = fs::read_to_string(container.join(format!("{name}-json.log"))).expect("a log");
    let records: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(text.contains(r#"{"log":"\u003ctwo\u003e\n","stream":"stderr","time":""#), "{}", &text[..300]);
    let log = |number: usize| records[number]["log"].as_str().expect("text");
    let lengths: Vec<usize> = (0..records.len()).map(|number| log(number).len()).collect();
    assert_eq!(lengths, [4, 6, 16384, 16384, 40000 - 2 * 16384 + 1, 6], "the last one's first byte is no text");
    assert_eq!((log(5), &records[0]["stream"]), ("\u{fffd}end", &"stdout".into()));
    assert_eq!(records[2]["time"], records[3]["time"], "parts of one line have its time");
    let sorted = records.windows(2).all(|pair| pair[0]["time"].as_str() <= pair[1]["time"].as_str());
    assert!(sorted && records[0]["time"].as_str().is_some_and(|time| time.ends_with('Z') && time.len() > 20));
    conex(test, &["rm", "web"]).success();
}

fn shown(test: &TestHost) {
    image(test);
    begin(test, &["--name", "web"], "for i in 1 2 3 4; do echo $i; done; echo five >&2; sleep 1000");
    wait_until("it has written all", || logs(test, &["web"]).err == "five\n");
    assert_eq!(logs(test, &["web"]).out, "1\n2\n3\n4\n");
    let tail = logs(test, &["--tail", "2", "web"]);
    assert_eq!((tail.out.as_str(), tail.err.as_str()), ("4\n", "five\n"));
    assert_eq!(logs(test, &["-n", "0", "web"]).out, "");
    assert_eq!(logs(test, &["--tail", "-1", "web"]).out, "1\n2\n3\n4\n");
    let stamped = logs(test, &["-t", "--tail", "2", "web"]).out;
    let (time, rest) = stamped.split_once(' ').expect("a time");
    assert_eq!(rest, "4\n");
    assert_eq!(logs(test, &["--since", time, "-n", "1", "web"]).err, "five\n");
    assert_eq!(logs(test, &["--until", "2001-02-03", "web"]).out, "");
    assert_eq!(logs(test, &["--since", "1h", "web"]).out, "1\n2\n3\n4\n");
    assert_eq!(logs(test, &["--since", "4102444800", "web"]).out, "", "2100");
    for (words, why) in [(["--tail", "x", "web"], "a number or all"), (["--since", "x", "web"], "no time")] {
        let refused = logs(test, &words);
        assert!(refused.status == 1 && refused.err.contains(why) && refused.err.contains("hint: "), "{refused:?}");
    }
    // Whoever follows sees what was and what comes, until it ends.
    let mut follower = command(test, &["logs", "-f", "--tail", "1", "web"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let mut first = [0; 5];
    follower.stderr.as_mut().expect("a pipe").read_exact(&mut first).expect("it shows");
    assert!(follower.try_wait().expect("a child").is_none());
    conex(test, &["rm", "-f", "web"]).success();
    assert!(follower.wait_with_output().expect("ended").status.success());
}

/// Method: a line a millisecond into files of 4 kB; a follower from the beginning, and whoever reads in the end.
fn rotated(test: &TestHost) {
    image(test);
    let script = "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo line $i; done; echo end";
    let flags = ["--name", "web", "--log-opt", "max-size=4k", "--log-opt", "max-file=100"];
    let words = ["box", "busybox", "sh", "-c", script];
    conex(test, &[&["create", "--network", "none"], &flags[..], &words[..]].concat()).success();
    conex(test, &["start", "web"]).success();
    let follower = command(test, &["logs", "-f", "web"]).stdout(Stdio::piped()).spawn().expect("started");
    let followed = follower.wait_with_output().expect("ended").stdout;
    let expected: String = (1..=2000).map(|i| format!("line {i}\n")).chain(["end\n".to_owned()]).collect();
    assert!(String::from_utf8(followed).expect("text") == expected, "the follower lost or repeated something");
    assert!(logs(test, &["web"]).out == expected, "the log lost or repeated something");
    conex(test, &["rm", "web"]).success();
    // The oldest go.
    begin(test, &["--name", "web", "--log-opt", "max-size=4k", "--log-opt", "max-file=2"], script);
    conex(test, &["wait", "web"]).success();
    let left = logs(test, &["web"]).out;
    assert!(left.ends_with("line 2000\nend\n") && left.len() < 4096 && expected.ends_with(&left), "{left}");
    let (root, _) = roots(test);
    let container = entries(&root.join("containers")).pop().expect("a container");
    let files = entries(&container).iter().filter(|path| path.to_string_lossy().contains("-json.log")).count();
    assert_eq!(files, 2);
    conex(test, &["rm", "web"]).success();
    assert!(is_clean(test));
}

/// Method: a root of twelve megabytes, and a container that writes more than that.
fn full(test: &TestHost) {
    let (root, _) = roots(test);
    fs::create_dir(&root).expect("a directory");
    mount("tmpfs", &root, "tmpfs", MountFlags::empty(), Some(c"mode=700,size=12m")).expect("mounted");
    image(test);
    let filler = root.join("filler");
    let script = "while [ ! -e /tmp/go ]; do sleep 0.01; done; busybox yes 0123456789 | busybox head -c 1000000; \
                  echo; sleep 0.2; while [ ! -e /tmp/room ]; do sleep 0.01; done; echo last; sleep 1000";
    begin(test, &["--name", "web", "--tmpfs", "/tmp"], script);
    let statfs = rustix::fs::statvfs(&root).expect("a file system");
    let free = usize::try_from(statfs.f_bavail * statfs.f_frsize).expect("small");
    fs::write(&filler, vec![1; free - 300_000]).expect("room");
    let pid = only_child_of_shim(test);
    let inside = |file: &str| fs::write(format!("/proc/{pid}/root/tmp/{file}"), "").expect("written");
    inside("go");
    wait_until("the disk is full", || {
        let statfs = rustix::fs::statvfs(&root).expect("a file system");
        statfs.f_bavail * statfs.f_frsize < 200_000
    });
    std::thread::sleep(Duration::from_millis(300));
    fs::remove_file(&filler).expect("a file");
    inside("room");
    wait_until("it goes on", || logs(test, &["--tail", "1", "web"]).out == "last\n");
    let told = logs(test, &["web"]);
    assert!(told.err.starts_with("conex: ") && told.err.contains(" lines were not logged: "), "{}", told.err);
    // What is there is whole.
    let is_whole = |line: &str| "0123456789".starts_with(line) || line == "last";
    assert!(told.out.lines().all(is_whole), "{}", told.out);
    conex(test, &["rm", "-f", "web"]).success();
    assert!(is_clean(test));
    unmount(&root, UnmountFlags::empty()).expect("unmounted");
}

/// The first process of the only container.
fn only_child_of_shim(test: &TestHost) -> i32 {
    let (_, run_root) = roots(test);
    let run = entries(&run_root).pop().expect("a container");
    let state: serde_json::Value =
        serde_json::from_slice(&fs::read(run.join("state.json")).expect("facts")).expect("JSON");
    i32::try_from(state["process"]["pid"].as_i64().expect("a pid")).expect("a pid")
}

fn chosen(test: &TestHost) {
    image(test);
    begin(test, &["--name", "web", "--log-driver", "none"], "echo one");
    conex(test, &["wait", "web"]).success();
    let refused = logs(test, &["web"]);
    assert!(refused.status == 1 && refused.err.contains("keeps no log"), "{refused:?}");
    conex(test, &["rm", "web"]).success();
    let words = |flags: &[&str]| {
        let refused = conex(test, &[&["run"], flags, &["--network", "none", "box", "true"]].concat());
        assert_eq!(refused.status, 125, "{refused:?}");
        refused.err
    };
    assert!(words(&["--log-driver", "syslog"]).contains("no log driver \"syslog\"\nhint: json-file, none"));
    assert!(words(&["--log-opt", "max-size=x"]).contains("no size"));
    assert!(words(&["--log-opt", "max-file=0"]).contains("max-file=0"));
    assert!(words(&["--log-opt", "color=red"]).contains("there is no such option"));
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
        fs::write(format!("/proc/{}/root/tmp/go", only_child_of_shim(test)), "").expect("written");
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
    let stat = fs::read_to_string(format!("/proc/{}/stat", only_child_of_shim(test))).expect("a process");
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
