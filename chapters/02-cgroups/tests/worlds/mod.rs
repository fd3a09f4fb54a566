//! Hosts as the tests want them: of the trees that there are, some.

#![allow(dead_code, reason = "each target uses what it needs")]

use conex_cgroups::{Limits, Tree, Version, World};

/// As if the v2 tree were not there.
pub(crate) fn v1_alone() -> World {
    only(|tree| tree.version == Version::V1)
}

/// As if there were no v1 tree.
pub(crate) fn v2_alone() -> World {
    only(|tree| tree.version == Version::V2)
}

fn only(wanted: fn(&Tree) -> bool) -> World {
    let world = World::probe().expect("a world");
    World::of(world.trees().iter().filter(|tree| wanted(tree)).cloned().collect())
}

/// Why what needs a memory controller of this version can't be tried here.
pub(crate) fn not_of(version: Version) -> Option<String> {
    let memory = World::probe().ok()?.with("memory")?.version;
    let reason = || format!("needs a host whose memory controller is {version:?}'s; cargo xtask vm is one of v2");
    (memory != version).then(reason)
}

/// Why what needs v1 trees can't be tried here.
pub(crate) fn no_v1() -> Option<String> {
    let reason = "needs a host with v1 trees of controllers, which this one has not";
    v1_alone().with("pids").is_none().then(|| reason.to_owned())
}

/// What of the limits this host can enforce; all, unless the host has no v1 at all and the test wants that alone.
pub(crate) fn fitting(limits: Limits, world: &World) -> Limits {
    if world.with("memory").is_some() { limits } else { Limits::default() }
}
