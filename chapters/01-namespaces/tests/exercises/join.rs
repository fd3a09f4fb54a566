//! `join::join`.

use std::{fs, rc::Rc};

use conex_kernel::Kernel;
use conex_namespaces::{Namespaces, Slot, Target, exercises::join};
use nix::sched::CloneFlags;
use rustix::process::{DumpableBehavior, dumpable_behavior};
use testkit::{Case, TestHost, saw};

use crate::{
    look::{Asked, listed},
    process::{Process, link, quiet, waiting},
};

pub(crate) const CASES: &[Case] = &[
    Case::exercise("namespaces.join: every namespace that was asked for is entered", entered),
    Case::exercise("namespaces.join: who joins can't be looked into", hidden),
    Case::exercise("namespaces.join: two processes' namespaces are entered, hidden before", two),
];

fn entered(_test: &TestHost) {
    let flags =
        CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC;
    let (process, _write) = waiting(flags.bits() as u64);
    let uid = rustix::process::getuid().as_raw();
    fs::write(format!("/proc/{}/uid_map", process.cloned.pid), format!("0 {uid} 1")).expect("written");
    let target = Target::of_pid(process.cloned.pid).expect("it lives");
    let joiner = Process::start(0, || {
        let namespaces = target.namespaces().expect("its namespaces");
        join(&quiet(), &namespaces).expect("joined");
        let other = |kind: &&str| process.namespace(kind) != link(&format!("/proc/thread-self/ns/{kind}"));
        let missed: Vec<&str> = ["user", "net", "uts", "ipc"].into_iter().filter(other).collect();
        saw(&format!("of user, net, uts and ipc, not entered: {}", listed(&missed)));
        u8::from(!missed.is_empty())
    });
    assert_eq!(joiner.wait(), 0, "it is in every namespace of the other process");
}

fn hidden(_test: &TestHost) {
    let joiner = Process::start(0, || {
        join(&quiet(), &Namespaces::host()).expect("there is nothing to join");
        let dumpable = dumpable_behavior().expect("a state");
        saw(&format!("who joined is in the state {dumpable:?}"));
        u8::from(dumpable != DumpableBehavior::NotDumpable)
    });
    assert_eq!(joiner.wait(), 0, "it may not be dumped, and so not be looked into (CVE-2016-9962)");
}

/// Method: a dry run, since a user may only join what lies in a user namespace of his.
fn two(_test: &TestHost) {
    let ((one, _write), (other, _others_write)) = (waiting(0), waiting(0));
    let target = |process: &Process| Target::of_pid(process.cloned.pid).expect("it lives");
    let namespaces = Namespaces {
        user: Slot::Join(target(&one)),
        net: Slot::Join(target(&other)),
        uts: Slot::Join(target(&one)),
        ..Namespaces::host()
    };
    let asked = Rc::new(Asked::default());
    join(&Kernel::dry(asked.clone()), &namespaces).expect("a dry run changes nothing");
    let told = asked.0.take();
    saw(&format!("asked of the kernel: {}", told.join("; ")));
    let words = |process: &Process, kinds: &str| format!("setns to {kinds} of pid {}", process.cloned.pid);
    let joins: Vec<&String> = told.iter().filter(|operation| operation.starts_with("setns")).collect();
    assert_eq!(joins, [&words(&one, "user,uts"), &words(&other, "net")], "one setns for each, the user's first");
    assert!(!told[0].starts_with("setns"), "it must be hidden before it enters anything: {}", told.join("; "));
}
