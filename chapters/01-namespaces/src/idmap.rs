//! Who the container's ids are outside: the maps of a user namespace. See user_namespaces(7).

use conex_kernel::{Error, Kernel, Result};

use crate::NAME;

/// `count` ids from `inside` on are `outside` and so on for the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdRange {
    /// First id in the container.
    pub inside: u32,
    /// First id on the host.
    pub outside: u32,
    /// How many; at least one.
    pub count: u32,
}

impl IdRange {
    /// From `INSIDE:OUTSIDE:COUNT`.
    pub fn parse(text: &str) -> Result<Self> {
        let numbers: Option<Vec<u32>> = text.split(':').map(|number| number.parse().ok()).collect();
        let range = match numbers.as_deref() {
            Some(&[inside, outside, count]) => Self { inside, outside, count },
            _ => return Err(refused(text, "it is not INSIDE:OUTSIDE:COUNT, three numbers")),
        };
        let fits = |first: u32| range.count > 0 && first.checked_add(range.count).is_some();
        if fits(range.inside) && fits(range.outside) {
            Ok(range)
        } else {
            Err(refused(text, "it is empty or goes beyond the last id"))
        }
    }
}

fn refused(text: &str, why: &str) -> Error {
    Error::refused(NAME, format!("read id range {text:?}"), why)
        .with_hint("0:100000:65536 gives root and 65,535 more ids to the container")
}

/// The two maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdMaps {
    /// User ids.
    pub uids: Vec<IdRange>,
    /// Group ids.
    pub gids: Vec<IdRange>,
    /// Whether a process inside may change its supplementary groups; a user who maps only himself must forbid it.
    pub setgroups: bool,
}

impl IdMaps {
    /// One id: root inside is `uid` and `gid` outside. Any user may write this map for himself.
    pub fn single(uid: u32, gid: u32) -> Self {
        let one = |outside| vec![IdRange { inside: 0, outside, count: 1 }];
        Self { uids: one(uid), gids: one(gid), setgroups: false }
    }

    /// The same ranges for users and groups; needs CAP_SETUID and CAP_SETGID outside.
    pub fn ranges(ranges: Vec<IdRange>) -> Self {
        Self { uids: ranges.clone(), gids: ranges, setgroups: true }
    }

    /// Whether any id differs inside and outside, so that a root file system must be seen through the map.
    pub fn shifts(&self) -> bool {
        self.uids.iter().chain(&self.gids).any(|range| range.inside != range.outside)
    }
}

// ANCHOR: id-maps
/// Writes the maps of the user namespace that process `pid` is in: the kernel takes each once, as a whole.
#[doc(alias = "exercise:namespaces.id-maps")]
pub(crate) fn write_id_maps(kernel: &Kernel, pid: i32, maps: &IdMaps) -> Result<()> {
    use conex_kernel::operations::{WriteIdMap, WriteSetgroups};

    let triples = |ranges: &[IdRange]| -> Vec<(u32, u32, u32)> {
        ranges.iter().map(|range| (range.inside, range.outside, range.count)).collect()
    };
    if !maps.setgroups {
        // Before the gid map: otherwise a user could leave a group that denies him something (CVE-2014-8989).
        kernel.perform(NAME, WriteSetgroups { pid })?;
    }
    kernel.perform(NAME, WriteIdMap { pid, kind: "uid", ranges: &triples(&maps.uids) })?;
    kernel.perform(NAME, WriteIdMap { pid, kind: "gid", ranges: &triples(&maps.gids) })
}
// ANCHOR_END: id-maps

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_three_numbers_that_fit() {
        assert_eq!(
            IdRange::parse("0:100000:65536").expect("a range"),
            IdRange { inside: 0, outside: 100_000, count: 65_536 }
        );
        for bad in ["", "0:1", "0:1:0", "0:4294967295:2", "0:-1:1", "a:b:c", "0:1:2:3", "4294967296:0:1"] {
            assert!(IdRange::parse(bad).is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn only_maps_that_change_an_id_shift() {
        assert!(!IdMaps::ranges(vec![IdRange { inside: 0, outside: 0, count: 65_536 }]).shifts());
        assert!(IdMaps::single(1000, 1000).shifts());
    }
}
