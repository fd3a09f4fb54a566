//! `flags::clone_flags`.

use conex_namespaces::{Namespaces, Slot, Target, TimeOffsets, exercises::clone_flags};
use testkit::{Case, TestHost, saw};

use crate::{
    look::listed,
    process::{link, own_maps, waiting},
};

pub(crate) const CASES: &[Case] = &[
    Case::exercise("namespaces.clone-flags: a clone with them is in seven new namespaces", all_new),
    Case::exercise("namespaces.clone-flags: what is the host's or joined gets no flag", not_new),
    Case::exercise("namespaces.clone-flags: what must come later is left to the child", left_to_the_child),
];

/// The kinds that a clone makes, as /proc/PID/ns names them, and their flags in the kernel's header.
const EARLY: [(&str, u64); 7] = [
    ("user", 0x1000_0000),
    ("mnt", 0x0002_0000),
    ("pid", 0x2000_0000),
    ("net", 0x4000_0000),
    ("uts", 0x0400_0000),
    ("ipc", 0x0800_0000),
    ("time", 0x0000_0080),
];

/// The kinds that flags ask for.
fn asked(flags: u64) -> Vec<&'static str> {
    EARLY
        .iter()
        .chain([&("cgroup", 0x0200_0000)])
        .filter(|(_, flag)| flags & flag != 0)
        .map(|(kind, _)| *kind)
        .collect()
}

fn all_new(_test: &TestHost) {
    let (process, _write) = waiting(clone_flags(&Namespaces::new(own_maps())));
    let is_ours = |kind: &&str| process.namespace(kind) == link(&format!("/proc/self/ns/{kind}"));
    let ours: Vec<&str> = EARLY.iter().map(|(kind, _)| *kind).filter(is_ours).collect();
    saw(&format!("the new process shares these namespaces with us: {}", listed(&ours)));
    assert!(ours.is_empty(), "namespaces that are still ours: {}", ours.join(", "));
}

/// Method: each of these slots in turn is the host's, then joined, while the others are new.
fn not_new(_test: &TestHost) {
    for (left_out, _) in EARLY {
        for joined in [false, true] {
            let mut namespaces = Namespaces::new(own_maps());
            leave_out(&mut namespaces, left_out, joined);
            let flags = clone_flags(&namespaces);
            let expected: Vec<&str> = EARLY.iter().map(|(kind, _)| *kind).filter(|kind| *kind != left_out).collect();
            let how = if joined { "joined" } else { "the host's" };
            if asked(flags) != expected {
                saw(&format!("with {left_out} {how}, your flags ask for: {}", listed(&asked(flags))));
            }
            assert_eq!(asked(flags), expected, "{left_out} is {how}, the others are new");
            assert_eq!(flags.count_ones(), 6, "flags that are no kind of namespace: {flags:#x}");
        }
    }
    assert_eq!(clone_flags(&Namespaces::host()), 0, "where all are the host's, nothing is new");
}

/// Makes one slot the host's or, with ourselves as the process, joined.
fn leave_out(namespaces: &mut Namespaces, kind: &str, joined: bool) {
    fn other<T>(joined: bool) -> Slot<T> {
        let us = i32::try_from(std::process::id()).expect("a pid");
        if joined { Slot::Join(Target::of_pid(us).expect("us")) } else { Slot::Host }
    }
    match kind {
        "user" => namespaces.user = other(joined),
        "mnt" => namespaces.mount = other(joined),
        "pid" => namespaces.pid = other(joined),
        "net" => namespaces.net = other(joined),
        "uts" => namespaces.uts = other(joined),
        "ipc" => namespaces.ipc = other(joined),
        _ => namespaces.time = other(joined),
    }
}

fn left_to_the_child(_test: &TestHost) {
    let mut namespaces = Namespaces::new(own_maps());
    let usual = asked(clone_flags(&namespaces));
    saw(&format!("your flags ask for: {}", listed(&usual)));
    assert!(!usual.contains(&"cgroup"), "its root would be the cgroup of whoever clones");
    assert_eq!(usual.len(), 7, "only the cgroup namespace is left to the child");
    namespaces.time = Slot::New(TimeOffsets { monotonic_secs: 0, boottime_secs: 86_400 });
    let shifted = asked(clone_flags(&namespaces));
    saw(&format!("with a clock that is shifted: {}", listed(&shifted)));
    assert!(!shifted.contains(&"time"), "offsets are written before anyone is inside");
    assert_eq!(shifted.len(), 6, "now the time namespace is left to the child as well");
}
