//! Containers that stand still: paused, or read by somebody.

#![forbid(unsafe_code)]

mod rig;

use std::{
    fs,
    process::{ExitCode, Stdio},
};

use rig::{begin, command, conex, image, is_clean};
use testkit::{Case, TestHost, wait_until};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("a_paused_container_stands_still", paused),
            Case::root("a_paused_container_can_be_stopped_killed_and_removed", ended),
            Case::root("after_its_shim_was_killed_a_paused_container_is_gone", abandoned),
            Case::root("who_reads_a_container_keeps_nobody_out_for_ever", read),
            Case::root("a_commit_lets_the_container_go_on_also_when_it_is_killed", committed),
        ],
        rig::PROGRAMS,
    )
}

const COUNT: &str = "while :; do echo x >> /count; sleep 0.01; done";

/// How often it has counted.
fn count(test: &TestHost, id: &str) -> u64 {
    let (root, _) = rig::roots(test);
    fs::metadata(root.join("containers").join(id).join("upper/count")).map_or(0, |file| file.len())
}

fn is_going_on(test: &TestHost, id: &str) {
    let before = count(test, id);
    wait_until("it goes on", || count(test, id) > before);
}

fn state(test: &TestHost, name: &str) -> String {
    let format = "{{.State.Status}} {{.State.Running}} {{.State.Paused}}";
    conex(test, &["inspect", "-f", format, name]).success().trim().to_owned()
}

fn paused(test: &TestHost) {
    image(test);
    let id = begin(test, &["--name", "web"], COUNT);
    is_going_on(test, &id);
    assert_eq!(state(test, "web"), "running true false");
    assert_eq!(conex(test, &["pause", "web"]).success(), "web\n");
    let before = count(test, &id);
    assert_eq!(state(test, "web"), "paused true true");
    let list = conex(test, &["ps", "--format", "{{.State}} {{.Status}}"]).success();
    assert!(list.starts_with("paused Up ") && list.ends_with(" (Paused)\n"), "{list}");
    for (verb, words, why) in [("pause", &["web"][..], "is paused already"), ("exec", &["web", "true"], "is paused")] {
        let refused = conex(test, &[&[verb], words].concat());
        assert!(refused.status != 0 && refused.err.contains(why), "{verb}: {refused:?}");
    }
    conex(test, &["commit", "web", "still"]).success();
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(count(test, &id), before, "a commit does not wake it");
    assert_eq!(conex(test, &["unpause", "web"]).success(), "web\n");
    is_going_on(test, &id);
    let refused = conex(test, &["unpause", "web"]);
    assert!(refused.status == 1 && refused.err.contains("is not paused"), "{refused:?}");
    conex(test, &["rm", "-f", "web"]).success();
    for verb in ["pause", "unpause"] {
        let refused = conex(test, &[verb, "web"]);
        assert!(refused.status == 1 && refused.err.contains("there is no container web"), "{refused:?}");
    }
    assert!(is_clean(test));
}

fn ended(test: &TestHost) {
    image(test);
    let traps = "trap 'exit 4' TERM; while :; do sleep 0.01; done";
    for (words, code) in [(&["stop", "web"][..], "4"), (&["kill", "web"], "137"), (&["kill", "-s", "TERM", "web"], "4")]
    {
        begin(test, &["--name", "web"], traps);
        // Until it has its trap, a signal does nothing to a first process.
        wait_until("it has its trap", || {
            let pid = conex(test, &["inspect", "-f", "{{.State.Pid}}", "web"]).success();
            let status = fs::read_to_string(format!("/proc/{}/status", pid.trim())).unwrap_or_default();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t")).unwrap_or("0");
            u64::from_str_radix(caught, 16).is_ok_and(|mask| mask & (1 << 14) != 0)
        });
        conex(test, &["pause", "web"]).success();
        conex(test, words).success();
        assert_eq!(conex(test, &["wait", "web"]).success().trim(), code, "{words:?}");
        assert_eq!(state(test, "web"), "exited false false");
        conex(test, &["rm", "web"]).success();
    }
    begin(test, &["--name", "web"], traps);
    conex(test, &["pause", "web"]).success();
    conex(test, &["rm", "-f", "web"]).success();
    assert!(is_clean(test));
}

fn abandoned(test: &TestHost) {
    image(test);
    begin(test, &["--name", "web"], COUNT);
    conex(test, &["pause", "web"]).success();
    let pid: i32 = conex(test, &["inspect", "-f", "{{.State.Pid}}", "web"]).success().trim().parse().expect("a pid");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it is there");
    let shim = status.lines().find_map(|line| line.strip_prefix("PPid:\t")).expect("a parent");
    let shim = rustix::process::Pid::from_raw(shim.parse().expect("a pid")).expect("a pid");
    rustix::process::kill_process(shim, rustix::process::Signal::KILL).expect("killed");
    wait_until("it has ended", || state(test, "web") == "exited false false");
    let left = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(left.is_empty() || left.contains(") Z "), "its process is gone: {left}");
    conex(test, &["rm", "web"]).success();
    assert!(is_clean(test));
}

/// Method: an export into a pipe that nobody reads.
fn read(test: &TestHost) {
    image(test);
    let id = begin(test, &["--name", "web"], &format!("busybox head -c 1000000 /dev/urandom > /big; {COUNT}"));
    is_going_on(test, &id);
    let mut export = command(test, &["export", "web"]).stdout(Stdio::piped()).spawn().expect("started");
    let exec = || conex(test, &["exec", "web", "busybox", "true"]);
    wait_until("it stands still", || {
        let before = count(test, &id);
        std::thread::sleep(std::time::Duration::from_millis(100));
        count(test, &id) == before
    });
    let refused = exec();
    assert!(refused.status == 1 && refused.err.contains("while somebody reads it"), "{refused:?}");
    assert_eq!(state(test, "web"), "running true false");
    export.kill().expect("it waits for a reader");
    export.wait().expect("killed");
    wait_until("it goes on", || exec().status == 0);
    is_going_on(test, &id);
    conex(test, &["rm", "-f", "web"]).success();
    assert!(is_clean(test));
}

fn committed(test: &TestHost) {
    image(test);
    let id = begin(test, &["--name", "web"], &format!("busybox head -c 200000000 /dev/urandom > /big; {COUNT}"));
    is_going_on(test, &id);
    let mut commit = command(test, &["commit", "web", "half"]).stdout(Stdio::null()).spawn().expect("started");
    let stands_still = || {
        let before = count(test, &id);
        std::thread::sleep(std::time::Duration::from_millis(50));
        count(test, &id) == before
    };
    wait_until("it stands still", stands_still);
    commit.kill().expect("it is at it");
    commit.wait().expect("killed");
    is_going_on(test, &id);
    conex(test, &["rm", "-f", "web"]).success();
    assert!(is_clean(test));
}
