//! `idmap::write_id_maps`.

use std::rc::Rc;

use conex_kernel::Kernel;
use conex_namespaces::{IdMaps, IdRange, exercises::write_id_maps};
use nix::sched::CloneFlags;
use testkit::{Case, TestHost};

use crate::{
    look::{Asked, look_at_maps, map},
    process::{own_maps, quiet, waiting},
};

pub(crate) const CASES: &[Case] = &[
    Case::exercise("namespaces.id-maps: each kind of id has its own ranges", own_ranges),
    Case::exercise("namespaces.id-maps: nobody inside can leave a group of ours", setgroups),
    Case::exercise("namespaces.id-maps: every range is written, in one piece", several_ranges),
];

fn own_ranges(_test: &TestHost) {
    let (process, _write) = waiting(CloneFlags::CLONE_NEWUSER.bits() as u64);
    let pid = process.cloned.pid;
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let one = |inside, outside| vec![IdRange { inside, outside, count: 1 }];
    let _look = look_at_maps(pid);
    let maps = IdMaps { uids: one(0, uid), gids: one(5, gid), setgroups: false };
    write_id_maps(&quiet(), pid, &maps).expect("the kernel takes the maps");
    assert_eq!((map(pid, "uid_map"), map(pid, "gid_map")), (format!("0 {uid} 1"), format!("5 {gid} 1")));
}

fn setgroups(_test: &TestHost) {
    let (process, _write) = waiting(CloneFlags::CLONE_NEWUSER.bits() as u64);
    let pid = process.cloned.pid;
    let maps = own_maps();
    let _look = look_at_maps(pid);
    write_id_maps(&quiet(), pid, &maps).expect("the kernel takes the maps");
    let inside = "somebody inside may leave a group that denies him something (CVE-2014-8989)";
    assert_eq!(map(pid, "setgroups"), "deny", "{inside}");
    // In a host that denies it already the kernel can't show who denied it; a dry run tells what would be asked.
    let (deny, allow) = (asked(&maps), asked(&IdMaps { setgroups: true, ..maps }));
    let place = |word: &str| deny.iter().position(|operation| operation.contains(word));
    assert!(place("setgroups").is_some() && place("setgroups") < place("gid_map"), "not denied before the gid map");
    assert!(!allow.iter().any(|operation| operation.contains("setgroups")), "it was denied although nobody asked");
}

/// Method: a dry run, since only root may write more than one range.
fn several_ranges(_test: &TestHost) {
    let ranges =
        |first| [(0, first, 1), (1, 100_000, 65_535)].map(|(i, o, count)| IdRange { inside: i, outside: o, count });
    let maps = IdMaps { uids: ranges(1000).to_vec(), gids: ranges(50).to_vec(), setgroups: true };
    let told = asked(&maps);
    testkit::saw(&format!("asked of the kernel: {}", told.join("; ")));
    assert_eq!(told, ["write uid_map 0 1000 1, 1 100000 65535", "write gid_map 0 50 1, 1 100000 65535"]);
}

/// What the function asks of the kernel, in a dry run.
fn asked(maps: &IdMaps) -> Vec<String> {
    let asked = Rc::new(Asked::default());
    write_id_maps(&Kernel::dry(asked.clone()), 1, maps).expect("a dry run changes nothing");
    asked.0.take()
}
