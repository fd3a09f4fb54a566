//! What conex does beside what docker does: exit codes, what a process sees, names. Every difference is intended, and
//! listed here.

#![forbid(unsafe_code)]

#[path = "../judges/aside.rs"]
mod aside;
mod copies;
#[path = "../judges/docker.rs"]
#[allow(dead_code, reason = "the judges of images use the rest")]
mod docker;
#[path = "../judges/peer.rs"]
#[allow(dead_code, reason = "the judges of images use the rest")]
mod peer;
#[path = "../rig/mod.rs"]
mod rig;
mod states;

use std::{collections::BTreeSet, process::ExitCode};

use docker::Docker;
use rig::{conex, image};
use testkit::{Case, DESCRIBE, Output, TestHost, facts};

fn main() -> ExitCode {
    const PROGRAMS: &[&str] = &["dockerd", "docker", "unshare"];
    testkit::run(
        &[
            Case::root("exit_codes_are_docker_s", exit_codes).with(PROGRAMS).with_cgroups(),
            Case::root("a_process_sees_what_it_sees_in_docker_s_container", sees).with(PROGRAMS).with_cgroups(),
            Case::root("names_and_ids_have_docker_s_forms", names).with(PROGRAMS).with_cgroups(),
            Case::root("copies_out_of_a_container_are_docker_s", copies::out).with(PROGRAMS).with_cgroups(),
            Case::root("copies_into_a_container_are_docker_s", copies::into).with(PROGRAMS).with_cgroups(),
            Case::root("every_verb_answers_as_docker_does_in_every_state", states::verbs).with(PROGRAMS).with_cgroups(),
            Case::root("what_inspect_tells_is_what_docker_tells", states::inspected).with(PROGRAMS).with_cgroups(),
        ],
        rig::PROGRAMS,
    )
}

/// The same words to both, with the same image of busybox.
struct Both<'a> {
    test: &'a TestHost,
    docker: Docker<'a>,
}

impl<'a> Both<'a> {
    fn start(test: &'a TestHost) -> Self {
        image(test);
        let docker = Docker::start(test);
        let archive = test.directory("files").join("box.tar").display().to_string();
        conex(test, &["save", "-o", &archive, "box"]).success();
        docker.ask(&["load", "--quiet", "--input", &archive]).success();
        Self { test, docker }
    }

    fn ours(&self, words: &[&str]) -> Output {
        conex(self.test, words)
    }

    fn ask(&self, words: &[&str]) -> (Output, Output) {
        (self.ours(words), self.docker.ask(words))
    }

    fn run(&self, flags: &[&str], words: &[&str]) -> (Output, Output) {
        let words = [&["run", "--rm", "--network", "none"], flags, &["box", "busybox"], words].concat();
        (conex(self.test, &words), self.docker.ask(&words))
    }
}

fn exit_codes(test: &TestHost) {
    let both = Both::start(test);
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
        let (ours, theirs) = both.run(flags, words);
        if flags == ["--init"] && theirs.err.contains("docker-init") {
            testkit::say("  --init is not compared: this docker has no init");
            continue;
        }
        assert_eq!(ours.status, theirs.status, "{flags:?} {words:?}\n{}{}", ours.err, theirs.err);
    }
}

fn sees(test: &TestHost) {
    let both = Both::start(test);
    let (ours, theirs) = both.run(&["-h", "box", "-e", "A=1"], &["sh", "-c", DESCRIBE]);
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
    let both = Both::start(test);
    for name in ["a", "ab", "a.b", "a_b", "-ab", "a b", "a/b", "ä1", "0-x", "_a"] {
        let (ours, theirs) = both.run(&["--name", name], &["true"]);
        assert_eq!(ours.status, theirs.status, "{name}\n{}{}", ours.err, theirs.err);
    }
    let (ours, theirs) = both.run(&[], &["sh", "-c", "hostname | wc -c; echo $HOSTNAME | wc -c"]);
    assert_eq!(ours.success(), theirs.success());
}
