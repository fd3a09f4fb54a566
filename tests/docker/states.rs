//! Containers in every state, and what each verb and inspect say of them, beside docker's.

use serde_json::Value;
use testkit::{TestHost, wait_until};

use crate::Both;

/// A container, and how it comes there.
const STATES: [(&str, &[&[&str]]); 5] = [
    ("missing", &[]),
    ("created", &[&["create", "--name", "created", "--network", "none", "box", "busybox", "sleep", "1000"]]),
    ("running", &[&["run", "-d", "--name", "running", "--network", "none", "box", "busybox", "sleep", "1000"]]),
    (
        "paused",
        &[
            &["run", "-d", "--name", "paused", "--network", "none", "box", "busybox", "sleep", "1000"],
            &["pause", "paused"],
        ],
    ),
    (
        "exited",
        &[
            &["run", "-d", "--name", "exited", "--network", "none", "box", "busybox", "sh", "-c", "exit 3"],
            &["wait", "exited"],
        ],
    ),
];

/// Verbs, with NAME for the container; after one that changed anything the state is made anew.
const VERBS: [&[&str]; 17] = [
    &["start", "NAME"],
    &["stop", "-t", "0", "NAME"],
    &["restart", "-t", "0", "NAME"],
    &["kill", "NAME"],
    &["kill", "-s", "USR1", "NAME"],
    &["pause", "NAME"],
    &["unpause", "NAME"],
    &["rm", "NAME"],
    &["rm", "-f", "NAME"],
    &["rename", "NAME", "other"],
    &["exec", "NAME", "busybox", "true"],
    &["top", "NAME"],
    &["logs", "NAME"],
    &["inspect", "NAME"],
    &["export", "-o", "FILE", "NAME"],
    &["diff", "NAME"],
    &["cp", "NAME:/etc/passwd", "-"],
];

impl Both<'_> {
    fn make(&self, steps: &[&[&str]]) {
        for step in steps {
            let (ours, theirs) = self.ask(step);
            assert!(ours.status == 0 && theirs.status == 0, "{step:?}\n{}{}", ours.err, theirs.err);
        }
    }

    fn clear(&self) {
        let (ours, theirs) = (self.ours(&["ps", "-aq"]), self.docker.ask(&["ps", "-aq"]));
        for id in ours.out.split_whitespace() {
            self.ours(&["rm", "-f", id]).success();
        }
        for id in theirs.out.split_whitespace() {
            self.docker.ask(&["rm", "-f", id]).success();
        }
    }

    /// Status and exit code of all, as both show them.
    fn shown(&self) -> (String, String) {
        let words = ["ps", "-a", "--format", "{{.Names}} {{.State}} {{.Status}}"];
        let (ours, theirs) = self.ask(&words);
        // How long ago is not the same to a second.
        let plain = |text: &str| {
            let words = text.split_whitespace().filter(|word| !word.chars().all(|c| c.is_ascii_digit()));
            words
                .filter(|word| !["second", "seconds", "Less", "than", "a"].contains(word))
                .collect::<Vec<_>>()
                .join(" ")
        };
        (plain(&ours.success()), plain(&theirs.success()))
    }
}

pub(crate) fn verbs(test: &TestHost) {
    let both = Both::start(test);
    for (name, steps) in STATES {
        both.make(steps);
        let mut before = both.shown().0;
        for verb in VERBS {
            let file = test.directory("files").join("archive").display().to_string();
            let words: Vec<String> =
                verb.iter().map(|word| word.replace("NAME", name).replace("FILE", &file)).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let (ours, theirs) = both.ask(&words);
            assert_eq!(ours.status, theirs.status, "{words:?}\n{}\n{}", ours.err, theirs.err);
            let mut after = Default::default();
            // A signal takes a moment.
            wait_until(&format!("{words:?}: both show the same"), || {
                after = both.shown();
                after.0 == after.1
            });
            if after.0 != before {
                both.clear();
                both.make(steps);
                before = both.shown().0;
            }
        }
        both.clear();
    }
}

/// Keys that scripts use.
const KEYS: [&str; 39] = [
    "/Path",
    "/Args",
    "/Name",
    "/Platform",
    "/State/Status",
    "/State/Running",
    "/State/Paused",
    "/State/Restarting",
    "/State/OOMKilled",
    "/State/Dead",
    "/State/ExitCode",
    "/State/Error",
    "/RestartCount",
    "/Mounts",
    "/Config/Hostname",
    "/Config/Domainname",
    "/Config/User",
    "/Config/Tty",
    "/Config/OpenStdin",
    "/Config/Env",
    "/Config/Cmd",
    "/Config/Image",
    "/Config/WorkingDir",
    "/Config/Entrypoint",
    "/Config/Labels",
    "/Config/Volumes",
    "/HostConfig/NetworkMode",
    "/HostConfig/AutoRemove",
    "/HostConfig/Privileged",
    "/HostConfig/ReadonlyRootfs",
    "/HostConfig/Memory",
    "/HostConfig/MemorySwap",
    "/HostConfig/NanoCpus",
    "/HostConfig/PidsLimit",
    "/HostConfig/ShmSize",
    "/HostConfig/IpcMode",
    "/HostConfig/PidMode",
    "/HostConfig/RestartPolicy",
    "/NetworkSettings/Ports",
];

pub(crate) fn inspected(test: &TestHost) {
    let both = Both::start(test);
    let flags = [
        &[
            "--name",
            "web",
            "-h",
            "here",
            "-e",
            "A=1",
            "-m",
            "64m",
            "--pids-limit",
            "50",
            "-l",
            "tier=web",
            "-w",
            "/tmp",
        ][..],
        &["--name", "web", "-h", "here", "-it", "-u", "1:2", "--read-only", "--cpus", "0.5", "--entrypoint", "busybox"],
    ];
    for flags in flags {
        let words = [&["run", "-d", "--network", "none"], flags, &["box", "busybox", "sleep", "1000"]].concat();
        both.make(&[&words]);
        for steps in [&[][..], &[&["pause", "web"][..]], &[&["unpause", "web"], &["kill", "web"], &["wait", "web"]]] {
            both.make(steps);
            let (ours, theirs) = both.ask(&["inspect", "web"]);
            let of = |text: String| serde_json::from_str::<Value>(&text).expect("JSON")[0].clone();
            let (ours, theirs) = (of(ours.success()), of(theirs.success()));
            for key in KEYS {
                let of = |told: &Value| {
                    let mut value = told.pointer(key).cloned();
                    // The order of variables is nobody's business.
                    if let (Some(Value::Array(entries)), "/Config/Env") = (&mut value, key) {
                        entries.sort_by_key(Value::to_string);
                    }
                    value
                };
                assert_eq!(of(&ours), of(&theirs), "{key} {flags:?} {steps:?}");
            }
            for key in ["/Id", "/Created", "/Image", "/LogPath", "/HostsPath", "/State/StartedAt", "/State/FinishedAt"]
            {
                let kind = |value: &Value| value.pointer(key).and_then(Value::as_str).map(|text| text.is_empty());
                assert_eq!(kind(&ours), kind(&theirs), "{key}");
            }
        }
        both.clear();
    }
}
