//! What conex does beside what docker does: exit codes, what a process sees, names. Every difference is intended, and
//! listed here. Docker's daemon comes from `cargo xtask peers`.

#![forbid(unsafe_code)]

mod rig;

use std::{
    collections::BTreeSet,
    process::{Command, ExitCode},
};

use rig::{conex, image};
use testkit::{Case, DESCRIBE, Output, TestHost, facts};

fn main() -> ExitCode {
    const VARIABLE: &str = "CONEX_PEER_DOCKER";
    const PEERS: &str = "cargo xtask peers -- cargo test --test docker";
    testkit::run(
        &[
            Case::root("exit_codes_are_docker_s", exit_codes).within(VARIABLE, PEERS),
            Case::root("a_process_sees_what_it_sees_in_docker_s_container", sees).within(VARIABLE, PEERS),
            Case::root("names_and_ids_have_docker_s_forms", names).within(VARIABLE, PEERS),
        ],
        rig::PROGRAMS,
    )
}

/// The same words to both; `IMAGE` stands for an image of busybox.
fn both(test: &TestHost, flags: &[&str], words: &[&str]) -> (Output, Output) {
    let ours = [&["run", "--rm", "--network", "none"], flags, &["box", "busybox"], words].concat();
    let theirs = [&["run", "--rm", "--network", "none"], flags, &["peer", "/bin/busybox"], words].concat();
    let mut docker = Command::new("docker");
    (conex(test, &ours), test.run(docker.args(theirs)))
}

fn exit_codes(test: &TestHost) {
    image(test);
    let table: [(&[&str], &[&str]); 12] = [
        (&[], &["true"]),
        (&[], &["sh", "-c", "exit 7"]),
        (&[], &["sh", "-c", "kill -9 $$; exit 3"]),
        (&["--init"], &["sh", "-c", "kill -9 $$"]),
        (&["--init"], &["sh", "-c", "kill -TERM $$"]),
        (&["--entrypoint", "no-such-program"], &[]),
        (&["--entrypoint", "/etc"], &[]),
        (&["--entrypoint", "/etc/passwd"], &[]),
        (&["--no-such-flag"], &["true"]),
        (&["--name", "a/b"], &["true"]),
        (&["-u", "nobody-at-all"], &["true"]),
        (&["-w", "relative"], &["true"]),
    ];
    for (flags, words) in table {
        let (ours, theirs) = both(test, flags, words);
        if flags == ["--init"] && theirs.err.contains("docker-init") {
            testkit::say("  --init is not compared: this docker has no init");
            continue;
        }
        assert_eq!(ours.status, theirs.status, "{flags:?} {words:?}\n{}{}", ours.err, theirs.err);
    }
}

fn sees(test: &TestHost) {
    image(test);
    let (ours, theirs) = both(test, &["-h", "box", "-e", "A=1"], &["sh", "-c", DESCRIBE]);
    let (ours, theirs) = (facts(&ours.success()), facts(&theirs.success()));
    let only = |these: &BTreeSet<String>, those: &BTreeSet<String>| {
        these.difference(those).filter(|fact| !is_intended(fact)).cloned().collect::<Vec<_>>()
    };
    assert_eq!((only(&ours, &theirs), only(&theirs, &ours)), (vec![], vec![]), "only ours, only docker's");
    testkit::say(&format!("  {} facts are the same", ours.intersection(&theirs).count()));
}

/// Why each may differ.
fn is_intended(fact: &str) -> bool {
    let starts = [
        // Ours is nodev, and /proc, /sys and the files of /etc differ in what lies below them.
        "mount / ",
        // Docker shows the host's hierarchies on v1; ours are in a cgroup namespace.
        "mount /sys/fs/cgroup",
        "namespace cgroup",
        // The default filter of system calls is still to come.
        "status Seccomp",
        // Newer dockers hide it too.
        "mount /proc/interrupts",
    ];
    starts.iter().any(|start| fact.starts_with(start))
}

fn names(test: &TestHost) {
    image(test);
    for name in ["a", "ab", "a.b", "a_b", "-ab", "a b", "a/b", "ä1", "0-x", "_a"] {
        let (ours, theirs) = both(test, &["--name", name], &["true"]);
        assert_eq!(ours.status, theirs.status, "{name}\n{}{}", ours.err, theirs.err);
    }
    let (ours, theirs) = both(test, &[], &["sh", "-c", "hostname | wc -c; echo $HOSTNAME | wc -c"]);
    assert_eq!(ours.success(), theirs.success());
}
