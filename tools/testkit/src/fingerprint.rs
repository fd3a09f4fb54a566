//! What a host looks like: everything that a container could leave behind, as lines that can be compared.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

/// Mounts, links, cgroups, directories, descriptors and processes, one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(BTreeSet<String>);

impl Fingerprint {
    /// Of this process's namespaces, of its descriptors, and of everything below `roots`.
    pub fn take(roots: &[&Path]) -> Self {
        let mut lines = BTreeSet::new();
        lines.extend(mounts());
        lines.extend(links());
        lines.extend(descriptors());
        lines.extend(processes());
        for root in roots {
            tree(root, "file", &mut lines);
        }
        cgroups(Path::new("/sys/fs/cgroup"), &mut lines);
        Self(lines)
    }

    /// The same with the nft ruleset, which takes a program and so some milliseconds.
    pub fn take_with_rules(roots: &[&Path]) -> Self {
        let mut whole = Self::take(roots);
        if let Some(nft) = crate::case::find("nft") {
            let rules =
                Command::new(nft).args(["list", "ruleset"]).output().map(|output| output.stdout).unwrap_or_default();
            whole.0.extend(String::from_utf8_lossy(&rules).lines().map(|line| format!("nft {line}")));
        }
        whole
    }

    /// What `after` has more (`+`) and less (`-`).
    pub fn differences(&self, after: &Self) -> Vec<String> {
        let gone = self.0.difference(&after.0).map(|line| format!("- {line}"));
        gone.chain(after.0.difference(&self.0).map(|line| format!("+ {line}"))).collect()
    }

    /// Panics with the differences, if there are any.
    #[track_caller]
    pub fn assert_same(&self, after: &Self, when: &str) {
        let differences = self.differences(after);
        assert!(differences.is_empty(), "{when} the host is not as before:\n{}", differences.join("\n"));
    }
}

fn mounts() -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    table.lines().map(|line| format!("mount {line}")).collect()
}

fn links() -> Vec<String> {
    let table = fs::read_to_string("/proc/self/net/dev").unwrap_or_default();
    table
        .lines()
        .skip(2)
        .filter_map(|line| line.split(':').next())
        .map(|name| format!("link {}", name.trim()))
        .collect()
}

fn descriptors() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return Vec::new() };
    let link = |path: PathBuf| fs::read_link(&path).map(|to| format!("fd {} {}", path.display(), to.display()));
    // The directory that lists them is itself one of them, and gone again afterwards.
    let own = |line: &String| !line.contains("/proc/") || !line.ends_with("/fd");
    entries.filter_map(Result::ok).filter_map(|entry| link(entry.path()).ok()).filter(own).collect()
}

fn processes() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(Result::ok).filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.map(|pid| format!("process {pid}")).collect()
}

fn tree(path: &Path, what: &str, lines: &mut BTreeSet<String>) {
    let Ok(metadata) = path.symlink_metadata() else { return };
    lines.insert(format!("{what} {} {:o}", path.display(), metadata.permissions().mode()));
    if metadata.is_dir() {
        for entry in fs::read_dir(path).into_iter().flatten().filter_map(Result::ok) {
            tree(&entry.path(), what, lines);
        }
    }
}

/// Only what carries our name or lies below it: a machine's own services come and go. Not the one that containers' cgroups
/// lie in, which stays for the next container; nor what the judges have that xtask starts.
fn cgroups(path: &Path, lines: &mut BTreeSet<String>) {
    for entry in fs::read_dir(path).into_iter().flatten().filter_map(Result::ok) {
        let path = entry.path();
        let words = path.to_string_lossy();
        if entry.file_type().is_ok_and(|is| is.is_dir()) && !words.contains("conex-peers") {
            if words.contains("conex") && !words.ends_with("/conex") {
                lines.insert(format!("cgroup {words}"));
            }
            cgroups(&path, lines);
        }
    }
}
