//! `conex run` with limits and devices: what docker's flags do, on the running kernel.

#![forbid(unsafe_code)]

mod rig;

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use conex::{Paths, State};
use rig::{command, conex, image, is_clean, roots};
use testkit::{Case, Output, TestHost, wait_until};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("who_runs_out_of_memory_is_told_so_and_dies_alone", out_of_memory).with_cgroups(),
            Case::root("processes_are_limited_and_all_end_with_the_container", processes).with_cgroups(),
            Case::root("a_process_that_hides_in_the_host_s_list_ends_with_the_container", companions).with_cgroups(),
            Case::root("devices_are_there_as_asked_and_no_others_open", devices).with_cgroups(),
            Case::root("every_limit_of_docker_s_is_in_the_kernel_s_files", every_limit).with_cgroups(),
            Case::root("the_cgroup_lies_where_it_was_asked_for", parents).with_cgroups(),
            Case::root("limits_that_can_t_be_are_refused_in_a_sentence", refused).with_cgroups(),
            Case::root("what_a_crash_leaves_in_a_session_of_a_user_is_found_from_another", sessions)
                .with(&["setpriv"])
                .with_cgroups(),
            Case::user("a_user_without_cgroups_is_told_why_and_runs_without_limits", user),
        ],
        rig::PROGRAMS,
    )
}

/// `conex run --rm --network none FLAGS… box busybox sh -c SCRIPT`.
#[track_caller]
fn run(test: &TestHost, flags: &[&str], script: &str) -> Output {
    let words = [&["run", "--rm", "--network", "none"], flags, &["box", "busybox", "sh", "-c", script]].concat();
    let output = conex(test, &words);
    assert!(is_clean(test), "{words:?}");
    output
}

/// Method: two containers at once, of which one takes too much.
fn out_of_memory(test: &TestHost) {
    image(test);
    let neighbour = ["run", "--name", "neighbour", "--network", "none", "-m", "32m", "box", "busybox", "sleep", "1000"];
    let mut neighbour = command(test, &neighbour).spawn().expect("started");
    let hog = ["dd", "if=/dev/zero", "of=/dev/null", "bs=100M", "count=1"];
    let hog = [&["run", "--name", "hog", "--network", "none", "-m", "32m", "box", "busybox"], &hog[..]].concat();
    assert_eq!(conex(test, &hog).status, 137);
    let state = |name: &str| -> State {
        let (root, run_root) = roots(test);
        let paths = Paths::choose(Some(root.clone()), Some(run_root.clone()));
        let id = fs::read_link(root.join("names").join(name)).expect("a name");
        let id = id.file_name().expect("an id").to_string_lossy().into_owned();
        let places =
            [run_root.join(&id).join("state.json"), paths.root().join("containers").join(&id).join("state.json")];
        let text = places.iter().find_map(|path| fs::read(path).ok()).expect("a state");
        serde_json::from_slice(&text).expect("a state")
    };
    assert!(state("hog").oom_killed, "{:?}", state("hog"));
    wait_until("the neighbour runs", || state("neighbour").process.is_some());
    assert!(neighbour.try_wait().expect("a child").is_none(), "its neighbour goes on");
    neighbour.kill().and_then(|()| neighbour.wait()).expect("killed");
    wait_until("both can be removed", || conex(test, &["rm", "-f", "hog", "neighbour"]).status == 0);
    assert!(is_clean(test));
}

fn processes(test: &TestHost) {
    image(test);
    let output = run(test, &["--pids-limit", "10"], "for n in $(seq 20); do sleep 100 & done; echo all");
    assert!(output.status == 2 && output.err.contains("can't fork"), "{output:?}");
    assert_eq!(
        run(test, &["--pids-limit", "-1"], "for n in $(seq 20); do sleep 100 & done; echo all").success(),
        "all\n"
    );
}

/// Method: a user's first session has a cgroup of its own, in which his container is killed; his second has none.
fn sessions(test: &TestHost) {
    const USER: u32 = 4242;
    let v2 = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    let v2 =
        v2.lines().filter(|line| line.contains(" - cgroup2 ")).find_map(|line| line.split(' ').nth(4)).expect("v2");
    let delegated = Path::new(v2).join("delegated");
    fs::create_dir(&delegated).expect("a cgroup");
    let session = delegated.join("session");
    fs::create_dir(&session).expect("a cgroup");
    for path in [&delegated, &delegated.join("cgroup.procs"), &delegated.join("cgroup.subtree_control")]
        .into_iter()
        .chain([&session, &session.join("cgroup.procs")])
    {
        chown(path, Some(USER), Some(USER)).expect("given to the user");
    }
    let home = test.directory("home");
    chown(&home, Some(USER), Some(USER)).expect("given to the user");
    let run = |join: &str, words: &str| {
        let script = format!("{join} exec setpriv --reuid {USER} --regid {USER} --clear-groups \"$0\" {words}");
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(script).arg(test.program("conex"));
        shell.env("CONEX_ROOT", home.join("root")).env("CONEX_RUN_ROOT", home.join("run"));
        shell
    };
    let join = format!("echo 0 > {}/cgroup.procs;", session.display());
    test.run(&mut run(&join, "image from-host box busybox")).success();
    let mut child = run(&join, "run --network none box busybox sleep 1000").spawn().expect("started");
    let containers = || rig::cgroups(&delegated);
    wait_until("it runs", || {
        containers().iter().any(|path| fs::read(path.join("cgroup.procs")).is_ok_and(|pids| !pids.is_empty()))
    });
    // All of it at once, as when the session ends.
    fs::write(delegated.join("cgroup.kill"), "1").expect("killed");
    child.wait().expect("ended");
    assert_eq!(containers().len(), 1, "nobody has cleaned up");
    test.run(&mut run("", "ps")).success();
    assert_eq!(containers(), Vec::<PathBuf>::new());
    wait_until("nobody is left", || {
        [&session, &delegated.join("conex"), &delegated]
            .iter()
            .all(|path| !path.exists() || fs::remove_dir(path).is_ok())
    });
}

/// Method: with the host's process ids, nobody else ends what a container leaves behind.
fn companions(test: &TestHost) {
    image(test);
    run(test, &["--pid", "host"], "for n in 1 2 3; do setsid sleep 12345 & done; echo").success();
    // The dead have no words; who collects them is the host's business.
    let sleeps = |path: &std::path::Path| fs::read(path.join("cmdline")).is_ok_and(|words| words.ends_with(b"12345\0"));
    let left: Vec<_> = rig::entries(std::path::Path::new("/proc")).into_iter().filter(|path| sleeps(path)).collect();
    assert!(left.is_empty(), "{left:?}");
}

fn devices(test: &TestHost) {
    image(test);
    assert_eq!(
        run(test, &[], "mknod /dev/f c 10 229; cat /dev/f").err,
        "cat: can't open '/dev/f': Operation not permitted\n"
    );
    let output =
        run(test, &["--device", "/dev/null:/dev/nothing:r"], "cat /dev/nothing && ls -l /dev/nothing | cut -c 1");
    assert_eq!(output.success(), "c\n");
    let output = run(test, &["--device-cgroup-rule", "c 250:250 rw"], "mknod /dev/f c 250 250; cat /dev/f");
    assert_eq!(output.err, "cat: can't open '/dev/f': No such device or address\n", "the kernel looked for it");
    let output = run(test, &["--privileged"], "mknod /dev/f c 250 250; cat /dev/f");
    assert_eq!(output.err, "cat: can't open '/dev/f': No such device or address\n", "nothing is withheld");
}

/// Method: the container reads its own cgroup's files, whose names differ between v1 and v2.
fn every_limit(test: &TestHost) {
    image(test);
    let v2 = fs::exists("/sys/fs/cgroup/cgroup.controllers").expect("a look");
    let flags = "-m 64m --memory-swap 96m --memory-reservation 32m --cpu-quota 50000 --cpu-period 200000
        --cpu-shares 512 --cpuset-cpus 0 --cpuset-mems 0 --pids-limit 77 --oom-score-adj 300";
    let flags: Vec<&str> = flags.split_whitespace().collect();
    let files: &[(&str, &str)] = if v2 {
        &[
            ("memory.max", "67108864"),
            ("memory.low", "33554432"),
            ("cpu.max", "50000 200000"),
            ("cpu.weight", "59"),
            ("cpuset.cpus", "0"),
            ("cpuset.mems", "0"),
            ("pids.max", "77"),
        ]
    } else {
        &[
            ("memory/memory.limit_in_bytes", "67108864"),
            ("memory/memory.soft_limit_in_bytes", "33554432"),
            ("cpu/cpu.cfs_quota_us", "50000"),
            ("cpu/cpu.cfs_period_us", "200000"),
            ("cpu/cpu.shares", "512"),
            ("cpuset/cpuset.cpus", "0"),
            ("cpuset/cpuset.mems", "0"),
            ("pids/pids.max", "77"),
        ]
    };
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let script = format!("cd /sys/fs/cgroup; cat {} /proc/self/oom_score_adj", names.join(" "));
    let said = run(test, &flags, &script).success();
    let expected: Vec<&str> = files.iter().map(|(_, value)| *value).chain(["300"]).collect();
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
    let swap = if v2 { ("memory.swap.max", "33554432") } else { ("memory/memory.memsw.limit_in_bytes", "100663296") };
    // A host that counts no swap has refused --memory-swap above.
    assert_eq!(run(test, &flags, &format!("cat /sys/fs/cgroup/{}", swap.0)).success().trim(), swap.1);
    let cpus = run(test, &["--cpus", "1.5"], "cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us").out;
    assert!(cpus.starts_with("150000"), "{cpus}");
}

fn parents(test: &TestHost) {
    image(test);
    let script = "cut -d: -f3 /proc/self/cgroup | sort -u | grep -c '^/workshop/[0-9a-f]*$'";
    assert_eq!(run(test, &["--cgroup-parent", "workshop", "--cgroupns", "host"], script).success(), "1\n");
    let own = "cut -d: -f3 /proc/self/cgroup | grep -c workshop";
    assert_eq!(run(test, &["--cgroup-parent", "workshop"], own).out, "0\n", "from inside it is the root");
    remove_workshop(std::path::Path::new("/sys/fs/cgroup"));
}

fn remove_workshop(directory: &std::path::Path) {
    for path in rig::entries(directory).iter().filter(|path| path.is_dir()) {
        if path.ends_with("workshop") {
            fs::remove_dir(path).expect("it is empty");
        } else {
            remove_workshop(path);
        }
    }
}

fn refused(test: &TestHost) {
    image(test);
    for (flags, words) in [
        (&["-m", "1m"][..], "error: cgroups: limit memory: 6 MB is the least\n"),
        (&["-m", "x"], "error: \"x\" is no size\n"),
        (&["--memory-swap", "1g"], "there is no limit of memory that it could add to"),
        (&["-m", "64m", "--memory-swap", "32m"], "memory and swap together are less than memory alone"),
        (&["-m", "64m", "--memory-reservation", "65m"], "the reservation is more than the limit"),
        (&["--cpus", "1000"], "processors only"),
        (&["--cpus", "1", "--cpu-quota", "5000"], "contradict each other"),
        (&["--cpu-period", "5"], "between 1000 and 1000000"),
        (&["--cpuset-cpus", "0-5000"], "this host has"),
        (&["--cpuset-cpus", "a"], "no list of numbers"),
        (&["--blkio-weight", "5"], "between 10 and 1000"),
        (&["--oom-score-adj", "2000"], "between -1000 and 1000"),
        (&["--memory-swappiness", "101"], "between 0 and 100"),
        (&["--device", "/dev/none"], "look at /dev/none: ENOENT"),
        (&["--device", "/etc/passwd"], "/etc/passwd is no device"),
        (&["--device-cgroup-rule", "x"], "it is not KIND MAJOR:MINOR ACCESS"),
        (&["--device-read-bps", "/dev/null:1m"], "/dev/null is no block device"),
        (&["--cgroup-parent", "../x"], "no path of plain names"),
        (&["--cgroupns", "x"], "--cgroupns takes private or host"),
    ] {
        let output = run(test, flags, "true");
        assert!(output.status == 125 && output.err.contains(words), "{flags:?}: {output:?}");
    }
}

fn user(test: &TestHost) {
    image(test);
    assert_eq!(run(test, &[], "echo runs").success(), "runs\n");
    let output = run(test, &["-m", "64m"], "true");
    assert!(output.status == 125 && output.err.contains("no cgroup of this host is yours"), "{output:?}");
    assert!(output.err.contains("hint: ") && output.err.contains("Delegate=yes"), "{output:?}");
}
