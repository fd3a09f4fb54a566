//! What the checks look at in the kernel, and tell: the first hint shows it.

use std::{
    cell::RefCell,
    fs::{self, File},
    io::Read,
};

use conex_kernel::{Observer, Record, Root};
use testkit::saw;

/// Looks at the kernel when a check ends, also when it ends by a panic.
pub(crate) struct Look<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for Look<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// The operations that a function asked for, in words.
#[derive(Default)]
pub(crate) struct Asked(pub(crate) RefCell<Vec<String>>);

impl Observer for Asked {
    fn after(&self, record: Record) {
        self.0.borrow_mut().push(record.operation);
    }
}

/// Words in a line.
pub(crate) fn listed<T: AsRef<str>>(words: &[T]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// A map of a process's user namespace, or another of its files, in one line.
pub(crate) fn map(pid: i32, name: &str) -> String {
    let map = fs::read_to_string(format!("/proc/{pid}/{name}")).expect("a map");
    map.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The lines that the maps hold, told when a check ends.
pub(crate) fn look_at_maps(pid: i32) -> Look<impl FnMut()> {
    Look(move || {
        for name in ["uid_map", "gid_map", "setgroups"] {
            let lines = map(pid, name);
            let held = if lines.is_empty() { "holds no line".to_owned() } else { format!("holds: {lines}") };
            saw(&format!("/proc/PID/{name} {held}"));
        }
    })
}

/// The names in a directory of a root that need not be `/` yet.
pub(crate) fn names(root: Root<'_>, path: &str) -> Vec<String> {
    let inside = rustix::fs::openat(root.fd, path, rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty());
    let entries = rustix::fs::Dir::read_from(inside.expect("a directory")).expect("entries").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name != "." && name != "..").collect()
}

/// The processes that the /proc of a root lists.
pub(crate) fn processes(root: Root<'_>) -> Vec<String> {
    let mut pids = names(root, "proc");
    pids.retain(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    pids.sort_unstable();
    pids
}

/// Where the process is, and whether the old root is still mounted, told when a check ends.
pub(crate) fn look_at_root() -> Look<impl FnMut()> {
    // The kernel lists the mounts that can be reached from what was the root when this file was opened.
    let mut mounts = File::open("/proc/self/mountinfo").expect("our mounts");
    Look(move || {
        let mut table = String::new();
        mounts.read_to_string(&mut table).expect("a table");
        saw(&format!("the working directory is {}", std::env::current_dir().unwrap_or_default().display()));
        match table.lines().count() {
            0 => saw("the old root is not mounted any more"),
            count => saw(&format!("the old root is still mounted: it and what is below it are {count} mounts")),
        }
    })
}
