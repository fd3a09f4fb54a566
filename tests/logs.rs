//! Logs: docker's lines, shown as asked for, followed, rotated, and on a full disk.

#![forbid(unsafe_code)]

mod rig;

use std::{
    fs,
    io::Read,
    process::{ExitCode, Stdio},
    time::Duration,
};

use rig::{begin, command, conex, entries, first_process, image, is_clean, logs, roots};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use testkit::{Case, TestHost, wait_until};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("a_log_has_docker_s_lines", lines),
            Case::root("a_log_is_shown_as_it_was_asked_for", shown),
            Case::root("who_follows_a_log_loses_nothing_when_it_is_rotated", rotated),
            Case::root("a_full_disk_keeps_nobody_and_the_log_says_what_is_missing", full),
            Case::root("a_container_has_the_log_that_was_chosen", chosen),
        ],
        rig::PROGRAMS,
    )
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
    let pid = first_process(test);
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
