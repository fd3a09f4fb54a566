//! `conex info`: what this host offers, and what forbids the rest.

use std::fs;

use clap::Args;

use super::{floors, say::say};
use crate::{Paths, Result, namespaces::Facts};

/// Show what this host offers to containers
#[derive(Args, Debug)]
pub(super) struct Info {}

pub(super) fn main(_info: &Info, paths: &Paths) -> Result<u8> {
    let facts = Facts::probe()?;
    let lines = [
        ("conex", env!("CARGO_PKG_VERSION").to_owned()),
        ("floors", floors::all()),
        ("kernel", rustix::system::uname().release().to_string_lossy().into_owned()),
        ("user", user(&facts)),
        ("cgroups", cgroups(&facts)),
        ("overlay", supported("overlay")),
        ("user namespaces", user_namespaces()),
        ("state", paths.root().display().to_string()),
        ("run state", paths.run_root().display().to_string()),
    ];
    lines.iter().for_each(|(key, value)| say(&format!("{key:<16}  {value}")));
    Ok(0)
}

fn user(facts: &Facts) -> String {
    match (facts.uid, facts.is_privileged()) {
        (0, true) => "root: containers have the host's ids".to_owned(),
        (0, false) => "root of a user namespace: containers have one id".to_owned(),
        (uid, _) => format!("{uid}: containers have one id, yours, as root's"),
    }
}

fn cgroups(facts: &Facts) -> String {
    if facts.has_unified_cgroups() {
        return "v2 (unified)".to_owned();
    }
    let (v2, v1): (Vec<_>, Vec<_>) = facts.cgroups.iter().partition(|one| one.kind == "cgroup2");
    match (v1.is_empty(), v2.is_empty()) {
        (true, _) => "none".to_owned(),
        (false, true) => format!("v1, {} hierarchies", v1.len()),
        (false, false) => format!("hybrid: v1, {} hierarchies, and a v2 tree", v1.len()),
    }
}

fn supported(filesystem: &str) -> String {
    let table = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    match table.lines().any(|line| line.split_whitespace().last() == Some(filesystem)) {
        true => "yes".to_owned(),
        false => format!("not loaded; as root: modprobe {filesystem}"),
    }
}

/// The first switch that forbids them, as far as a look tells.
fn user_namespaces() -> String {
    let value = |name: &str| fs::read_to_string(format!("/proc/sys/{name}")).ok().map(|text| text.trim().to_owned());
    let forbids = [
        ("user/max_user_namespaces", "0"),
        ("kernel/unprivileged_userns_clone", "0"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1"),
    ];
    let found = forbids.iter().find(|(name, bad)| value(name).as_deref() == Some(*bad));
    found.map_or("yes".to_owned(), |(name, bad)| format!("forbidden by sysctl {} = {bad}", name.replace('/', ".")))
}
