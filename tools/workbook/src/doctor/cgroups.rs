//! What chapter 2 needs of a machine. See cgroups(7).

use std::{collections::BTreeSet, fs, path::Path};

use rustix::{
    fs::{Access, access},
    io::Errno,
    process::geteuid,
};

/// What is mounted as cgroups: type, place, and the options or, of v2, the controllers.
fn trees() -> Vec<(String, String, String)> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let of = |line: &str| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let (place, mut words) = (mount.split(' ').nth(4)?.to_owned(), filesystem.split(' '));
        let kind = words.next().filter(|kind| kind.starts_with("cgroup"))?.to_owned();
        let given = fs::read_to_string(Path::new(&place).join("cgroup.controllers"));
        let options = if kind == "cgroup2" { given.unwrap_or_default() } else { words.nth(1)?.replace(',', " ") };
        Some((kind, place, options))
    };
    table.lines().filter_map(of).collect()
}

/// Whether there are the three that the exercises use.
pub(super) fn controllers(_root: &Path) -> (bool, String) {
    let trees = trees();
    let kinds: BTreeSet<&str> = trees.iter().map(|(kind, ..)| kind.as_str()).collect();
    let world = match (kinds.contains("cgroup2"), kinds.contains("cgroup")) {
        (true, false) => "v2",
        (false, true) => "v1",
        (true, true) => "hybrid: v1, and a v2 tree",
        (false, false) => return (false, "no cgroups are mounted".to_owned()),
    };
    let there: BTreeSet<&str> = trees.iter().flat_map(|(.., options)| options.split_whitespace()).collect();
    let missing: Vec<&str> = ["cpu", "memory", "pids"].into_iter().filter(|name| !there.contains(name)).collect();
    let found = if missing.is_empty() { "all are there".to_owned() } else { format!("without {}", missing.join(", ")) };
    (missing.is_empty(), format!("{world}; {found}"))
}

pub(super) fn writable(_root: &Path) -> (bool, String) {
    let read_only = |place: &str| access(place, Access::WRITE_OK) == Err(Errno::ROFS);
    match trees().iter().find(|(_, place, _)| read_only(place)) {
        Some((_, place, _)) => (false, format!("{place} is read-only")),
        None => (true, "none is read-only".to_owned()),
    }
}

pub(super) fn root(_root: &Path) -> (bool, String) {
    if geteuid().is_root() {
        return (true, "you are root".to_owned());
    }
    super::program("sudo", &["--version"])
}
