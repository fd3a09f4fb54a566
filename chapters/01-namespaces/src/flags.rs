//! From slots to clone3's flags. Two kinds of new namespace are made later, by the child itself: a cgroup namespace, and a
//! time namespace with offsets. See clone(2).

use crate::Namespaces;

// ANCHOR: clone-flags
/// The `CLONE_NEW*` flags of the one clone that makes the container.
#[doc(alias = "exercise:namespaces.clone-flags")]
pub(crate) fn clone_flags(namespaces: &Namespaces) -> u64 {
    let new = [
        (namespaces.user.is_new(), libc::CLONE_NEWUSER),
        (namespaces.mount.is_new(), libc::CLONE_NEWNS),
        (namespaces.pid.is_new(), libc::CLONE_NEWPID),
        (namespaces.net.is_new(), libc::CLONE_NEWNET),
        (namespaces.uts.is_new(), libc::CLONE_NEWUTS),
        (namespaces.ipc.is_new(), libc::CLONE_NEWIPC),
        // Not the cgroup namespace: its root is the cgroup of whoever makes it, and that is still us.
        (namespaces.time.is_new() && time_offsets(namespaces).is_none(), libc::CLONE_NEWTIME),
    ];
    new.into_iter().filter(|(wanted, _)| *wanted).fold(0, |flags, (_, flag)| flags | flag as u64)
}
// ANCHOR_END: clone-flags

/// The offsets of a new time namespace, if there are any: they can only be written before anyone is inside.
pub(crate) fn time_offsets(namespaces: &Namespaces) -> Option<crate::TimeOffsets> {
    match namespaces.time {
        crate::Slot::New(offsets) if offsets != crate::TimeOffsets::default() => Some(offsets),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{Facts, Hierarchy, IdMaps, Slot, TimeOffsets};

    pub(crate) fn facts(directory: &str) -> Facts {
        let one = Hierarchy { directory: directory.into(), kind: "cgroup2", options: vec![] };
        Facts {
            kernel: (6, 1),
            uid: 0,
            gid: 0,
            capabilities: rustix::thread::CapabilitySet::all(),
            cgroups: vec![one],
            may_mount: true,
            ids: Vec::new(),
            thermal_throttles: Vec::new(),
        }
    }

    #[test]
    fn seven_come_from_one_clone() {
        assert_eq!(clone_flags(&Namespaces::new(IdMaps::single(0, 0))).count_ones(), 7);
    }

    #[test]
    fn offsets_are_left_to_the_child() {
        let mut namespaces = Namespaces::new(IdMaps::single(0, 0));
        namespaces.time = Slot::New(TimeOffsets { monotonic_secs: 0, boottime_secs: 86_400 });
        assert_eq!(clone_flags(&namespaces) & (libc::CLONE_NEWTIME | libc::CLONE_NEWCGROUP) as u64, 0);
    }

    #[test]
    fn the_host_s_namespaces_need_no_flag() {
        assert_eq!(clone_flags(&Namespaces::host()), 0);
    }
}
