//! What the tests of the library share: a host, layers, containers that run a script, and what a tree looks like.

#![allow(dead_code, reason = "each target uses what it needs")]

use std::{
    collections::BTreeMap,
    ffi::CString,
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use conex_kernel::{Kernel, Result};
use conex_namespaces::{
    ContainerId, Exit, Facts, Finished, Host, IdMaps, IdRange, Part, Plan, Process, Running, Slot, spawn,
};
use conex_overlay::{Copy, Keep, Overlay, Reflink};
use testkit::TestHost;

pub(crate) fn host(test: &TestHost, kernel: Kernel) -> Host {
    Host { root: test.root.clone(), run_root: test.run_root.clone(), facts: Facts::probe().expect("facts"), kernel }
}

pub(crate) fn id() -> ContainerId {
    ContainerId::parse(&"c0".repeat(32)).expect("an id")
}

/// Whose ids a container has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ids {
    /// Others, by a map; an ordinary user's are his own.
    Mapped,
    /// The host's, in a user namespace.
    Same,
    /// The host's, without one.
    Host,
}

/// All that the case's rights and the kernel allow.
pub(crate) fn all_ids(host: &Host) -> &'static [Ids] {
    // Root's layers can be seen through an id map from 6.15 on.
    match (host.facts.is_privileged(), host.facts.kernel >= (6, 15)) {
        (true, true) => &[Ids::Mapped, Ids::Same, Ids::Host],
        (true, false) => &[Ids::Same, Ids::Host],
        (false, _) => &[Ids::Mapped],
    }
}

/// This host, and as if its kernel were an older one: each way in which layers are told to a kernel.
pub(crate) fn kernels(host: &Host) -> Vec<Host> {
    let older = [(6, 18), (6, 12), (6, 1)].into_iter().filter(|kernel| *kernel <= host.facts.kernel);
    older.map(|kernel| Host { facts: Facts { kernel, ..host.facts.clone() }, ..host.clone() }).collect()
}

pub(crate) fn plan(host: &Host, ids: Ids, words: &[&str]) -> Plan {
    let process = Process {
        arguments: words.iter().map(|word| CString::new(*word).expect("no NUL")).collect(),
        environment: vec![c"PATH=/bin".to_owned()],
        directory: "/".into(),
        umask: 0o022,
        no_new_privileges: false,
        init: false,
        dies_with_parent: true,
    };
    let mut plan = Plan::isolated(&host.facts, &id(), process);
    match ids {
        Ids::Mapped => {}
        Ids::Same => plan.map_ids(IdMaps::ranges(vec![IdRange { inside: 0, outside: 0, count: u32::MAX }])),
        Ids::Host => plan.namespaces.user = Slot::Host,
    }
    plan
}

/// Runs a script in a container with this root, to its end.
pub(crate) fn run(host: &Host, root: &dyn Part, ids: Ids, script: &str) -> Result<Finished> {
    spawn(host, &id(), &[root], plan(host, ids, &["sh", "-ec", script]))?.start().and_then(Running::wait)
}

#[track_caller]
pub(crate) fn succeed(host: &Host, root: &dyn Part, ids: Ids, script: &str) {
    let finished = run(host, root, ids, script).unwrap_or_else(|error| panic!("{ids:?}: {error}"));
    assert_eq!(finished.exit, Exit::Code(0), "{ids:?}: {script}");
    assert!(finished.leftovers.is_empty(), "{:?}", finished.leftovers);
}

/// Directories of containers.
pub(crate) fn containers(test: &TestHost) -> PathBuf {
    let path = test.root.join("containers");
    fs::create_dir_all(&path).expect("a directory");
    path
}

pub(crate) fn overlay(test: &TestHost, layers: &[PathBuf]) -> Overlay {
    let (containers, keep) = (containers(test), Keep::Writes);
    Overlay { layers: layers.to_vec(), stub: None, containers, keep, read_only: false }
}

pub(crate) fn copy(test: &TestHost, layers: &[PathBuf]) -> Copy {
    let (containers, keep, reflink) = (containers(test), Keep::Writes, Reflink::Never);
    Copy { layers: layers.to_vec(), containers, keep, reflink, read_only: false }
}

/// What a container wrote.
pub(crate) fn upper(test: &TestHost) -> PathBuf {
    containers(test).join(id().as_str()).join("upper")
}

/// Removes what a container keeps.
pub(crate) fn forget(test: &TestHost) {
    let directory = containers(test).join(id().as_str());
    if directory.exists() {
        fs::remove_dir_all(directory).expect("removed");
    }
}

/// A directory of files: name and content; one that ends with a slash is a directory.
pub(crate) fn layer(test: &TestHost, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let layer = test.directory(name);
    for (path, content) in files {
        let whole = layer.join(path);
        fs::create_dir_all(whole.parent().expect("a parent")).expect("a directory");
        if path.ends_with('/') {
            fs::create_dir_all(whole).expect("a directory");
        } else {
            fs::write(whole, content).expect("a file");
        }
    }
    layer
}

/// Everything that a tree says of itself but the times of access: by path, a line.
pub(crate) fn look(root: &Path) -> BTreeMap<PathBuf, String> {
    let (mut seen, mut left) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(path) = left.pop() {
        let stat = path.symlink_metadata().expect("it is there");
        let kind = stat.file_type();
        let mut line = format!("{:o} {}:{} {}", stat.mode(), stat.uid(), stat.gid(), stat.rdev());
        line += &format!(" {}.{:09}", stat.mtime(), stat.mtime_nsec());
        if kind.is_dir() {
            left.extend(fs::read_dir(&path).expect("a directory").map(|entry| entry.expect("an entry").path()));
        } else {
            line += &format!(" {} links", stat.nlink());
        }
        if kind.is_symlink() {
            line += &format!(" -> {}", fs::read_link(&path).expect("a link").display());
        } else if kind.is_file() {
            line += &format!(" {:?}", String::from_utf8_lossy(&fs::read(&path).expect("a file")));
        } else if kind.is_socket() {
            line += " socket";
        }
        for (key, value) in attributes(&path) {
            line += &format!(" {key}={value:?}");
        }
        seen.insert(path.strip_prefix(root).expect("below it").to_owned(), line);
    }
    seen
}

/// The extended attributes of a path itself.
pub(crate) fn attributes(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut keys = [0; 4096];
    let length = rustix::fs::llistxattr(path, &mut keys).expect("attributes");
    let keys = keys[..length].split(|byte| *byte == 0).filter(|key| !key.is_empty());
    let value = |key: &[u8]| {
        let mut value = [0; 4096];
        let length = rustix::fs::lgetxattr(path, key, &mut value).expect("a value");
        (String::from_utf8_lossy(key).into_owned(), value[..length].to_vec())
    };
    keys.map(value).collect()
}

/// The lines that differ between two looks.
#[track_caller]
pub(crate) fn same(one: &BTreeMap<PathBuf, String>, other: &BTreeMap<PathBuf, String>, what: &str) {
    // A file's content may be long.
    let shown = |line: Option<&String>| line.map(|line| line.chars().take(200).collect::<String>());
    let differences: Vec<String> = one
        .keys()
        .chain(other.keys())
        .filter(|path| one.get(*path) != other.get(*path))
        .map(|path| format!("{}: {:?} / {:?}", path.display(), shown(one.get(path)), shown(other.get(path))))
        .collect();
    assert!(differences.is_empty(), "{what}:\n{}", differences.join("\n"));
}
