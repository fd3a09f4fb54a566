//! One more program in a container that runs: what it is, what comes of it, and what it leaves alone.

#![forbid(unsafe_code)]

mod rig;

use std::{
    io::{Read, Write},
    process::{ExitCode, Stdio},
    time::{Duration, Instant},
};

use rig::{cgroups, command, conex, image, is_clean};
use rustix::process::{Pid, Signal, kill_process};
use testkit::{Case, Output, TestHost, wait_until};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("one_more_program_is_like_the_container_s_own", alike),
            Case::user("one_more_program_is_like_the_container_s_own_for_a_user", alike),
            Case::root("it_is_where_and_who_the_user_says", asked),
            Case::root("its_end_is_told_as_docker_tells_it", ends),
            Case::root("what_it_reads_and_writes_arrives", streams),
            Case::root("it_counts_as_the_container_s", limited).with_cgroups(),
            Case::root("signals_are_passed_on_and_it_goes_with_us", signals),
            Case::root("it_can_be_left_in_the_background", background),
            Case::root("who_is_killed_with_it_leaves_nothing", killed),
        ],
        rig::PROGRAMS,
    )
}

#[track_caller]
fn up(test: &TestHost, flags: &[&str]) {
    image(test);
    let words = ["box", "busybox", "sleep", "1000"];
    conex(test, &[&["run", "-d", "--name", "web", "--network", "none"], flags, &words[..]].concat()).success();
}

#[track_caller]
fn down(test: &TestHost) {
    conex(test, &["rm", "-f", "web"]).success();
    assert!(is_clean(test));
}

fn exec(test: &TestHost, flags: &[&str], script: &str) -> Output {
    conex(test, &[&["exec"], flags, &["web", "busybox", "sh", "-c", script]].concat())
}

fn alike(test: &TestHost) {
    up(test, &["-e", "A=1", "--cap-drop", "CHOWN", "--ulimit", "nofile=77:88", "--hostname", "here", "-w", "/etc"]);
    let facts = "busybox hostname; pwd; echo $A; ulimit -n; ulimit -Hn; umask; cat /proc/self/oom_score_adj";
    let own = exec(test, &[], &format!("{facts}; grep -E 'Cap|NoNewPrivs|Seccomp:' /proc/1/status"));
    let beside = exec(test, &[], &format!("{facts}; grep -E 'Cap|NoNewPrivs|Seccomp:' /proc/self/status"));
    let own = own.success();
    assert_eq!(own, beside.success());
    assert!(own.starts_with("here\n/etc\n1\n77\n88\n0022\n0\n"), "{own}");
    let spaces = "for kind in cgroup ipc mnt net pid user uts; do readlink /proc/$0/ns/$kind; done";
    let of = |pid: &str| {
        conex(test, &["exec", "web", "busybox", "sh", "-c", spaces, pid])
            .success()
            .lines()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(of("1"), of("self"));
    // It sees the others, and no descriptor of ours.
    let seen = exec(test, &[], "echo $(ls /proc | grep -c '^[0-9]'); ls /proc/self/fd").success();
    assert!(seen.starts_with("4\n0\n1\n2\n") || seen.starts_with("5\n0\n1\n2\n"), "{seen}");
    down(test);
}

fn asked(test: &TestHost) {
    up(test, &["-e", "A=1", "-e", "B=1"]);
    let out = exec(test, &["-e", "B=2", "--env", "C=3", "-w", "/tmp", "-u", "5:6"], "echo $A $B $C; pwd; id -u; id -g");
    assert_eq!(out.success(), "1 2 3\n/tmp\n5\n6\n");
    let privileged = exec(test, &["--privileged"], "grep CapEff /proc/self/status").success();
    assert!(privileged.trim().len() > 20 && !privileged.contains("a80425fb"), "{privileged}");
    let user = exec(test, &["-u", "nobody-there"], "true");
    assert!(user.status == 125 || user.status == 126 || user.status == 1, "{user:?}");
    assert!(user.err.contains("nobody-there"), "{user:?}");
    let tty = exec(test, &["-it"], "true");
    assert!(tty.status == 1 && tty.err.contains("is no terminal"), "{tty:?}");
    down(test);
}

fn ends(test: &TestHost) {
    up(test, &[]);
    assert_eq!(exec(test, &[], "exit 7").status, 7);
    assert_eq!(exec(test, &[], "kill -9 $$").status, 137);
    let missing = conex(test, &["exec", "web", "/no/such"]);
    assert!(missing.status == 127 && missing.err.contains("/no/such"), "{missing:?}");
    let directory = conex(test, &["exec", "web", "/etc"]);
    assert_eq!(directory.status, 126, "{directory:?}");
    conex(test, &["kill", "web"]).success();
    conex(test, &["wait", "web"]).success();
    let ended = exec(test, &[], "true");
    assert!(ended.status == 1 && ended.err.contains("is not running\nhint: conex start "), "{ended:?}");
    let none = conex(test, &["exec", "nobody", "true"]);
    assert!(none.status == 1 && none.err.contains("there is no container nobody"), "{none:?}");
    down(test);
}

fn streams(test: &TestHost) {
    up(test, &[]);
    let both = exec(test, &[], "echo out; echo err >&2");
    assert_eq!((both.out.as_str(), both.err.as_str()), ("out\n", "err\n"));
    let mut cat = command(test, &["exec", "-i", "web", "busybox", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let content: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let mut input = cat.stdin.take().expect("a pipe");
    let expected = content.clone();
    let writer = std::thread::spawn(move || input.write_all(&content).expect("taken"));
    let output = cat.wait_with_output().expect("ended");
    writer.join().expect("written");
    assert!(output.status.success() && output.stdout == expected, "{} bytes came", output.stdout.len());
    // Without -i there is nothing to read; and who leaves something behind keeps nobody.
    let started = Instant::now();
    assert_eq!(exec(test, &[], "cat; sleep 100 & echo done").success(), "done\n");
    assert!(started.elapsed() < Duration::from_secs(50));
    // Our pipe has no reader any more.
    let mut yes = command(test, &["exec", "web", "busybox", "yes"]).stdout(Stdio::piped()).spawn().expect("started");
    let mut some = [0; 2];
    yes.stdout.take().expect("a pipe").read_exact(&mut some).expect("it writes");
    assert_eq!(yes.wait().expect("ended").code(), Some(141));
    down(test);
}

fn limited(test: &TestHost) {
    up(test, &["--pids-limit", "8"]);
    let own = conex(test, &["exec", "web", "cat", "/proc/1/cgroup"]);
    let groups = exec(test, &[], "cat /proc/self/cgroup").success();
    if own.status == 0 {
        assert_eq!(own.out, groups);
    }
    assert!(!cgroups(std::path::Path::new("/sys/fs/cgroup")).is_empty());
    let bomb = exec(test, &[], "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1 & done; wait");
    assert!(bomb.err.contains("fork") || bomb.err.contains("Resource"), "{bomb:?}");
    down(test);
}

fn signals(test: &TestHost) {
    up(test, &[]);
    let script = "trap 'echo term; exit 9' TERM; echo up; while :; do sleep 0.01; done";
    let mut child =
        command(test, &["exec", "web", "busybox", "sh", "-c", script]).stdout(Stdio::piped()).spawn().expect("started");
    let mut first = [0; 3];
    child.stdout.as_mut().expect("a pipe").read_exact(&mut first).expect("it is up");
    kill_process(Pid::from_child(&child), Signal::TERM).expect("signalled");
    let output = child.wait_with_output().expect("ended");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(9), &b"term\n"[..]));
    down(test);
}

fn background(test: &TestHost) {
    up(test, &["--tmpfs", "/tmp"]);
    assert_eq!(exec(test, &["-d"], "echo $$ > /tmp/pid; sleep 1000").success(), "");
    wait_until("it runs", || exec(test, &[], "kill -0 $(cat /tmp/pid)").status == 0);
    let missing = conex(test, &["exec", "-d", "web", "/no/such"]);
    assert_eq!(missing.status, 127, "{missing:?}");
    // It goes with the container.
    down(test);
}

fn killed(test: &TestHost) {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("a reaper of orphans");
    up(test, &["--tmpfs", "/tmp"]);
    let before = exec(test, &[], "ls /proc | grep -c '^[0-9]'").success();
    for delay_ms in [0, 2, 4, 6, 8, 10, 15, 20, 40] {
        let mut child =
            command(test, &["exec", "web", "busybox", "sleep", "1000"]).stdout(Stdio::null()).spawn().expect("started");
        std::thread::sleep(Duration::from_millis(delay_ms));
        child.kill().expect("killed");
        child.wait().expect("reaped");
    }
    wait_until("all have gone with us", || {
        while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
        exec(test, &[], "ls /proc | grep -c '^[0-9]'").success() == before
    });
    down(test);
}
