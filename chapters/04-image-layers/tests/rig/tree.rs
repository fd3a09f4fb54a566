//! What a tree looks like, file by file, for comparing what two programs made of one image.

#![allow(dead_code, reason = "each target uses what it needs")]

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use conex_image::Digest;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use testkit::TestHost;

/// What an overlay of these shows.
pub(crate) fn overlaid(test: &TestHost, lower: &[PathBuf], see: impl FnOnce(&Path)) {
    let merged = test.directory("merged");
    // An overlay of one needs a second, which may be empty.
    let empty = test.directory("empty");
    let lower: Vec<String> = lower.iter().rev().chain([&empty]).map(|path| path.display().to_string()).collect();
    let options = std::ffi::CString::new(format!("lowerdir={}", lower.join(":"))).expect("text");
    mount("overlay", &merged, "overlay", MountFlags::RDONLY, Some(options.as_c_str())).expect("mounted");
    see(&merged);
    unmount(&merged, UnmountFlags::DETACH).expect("unmounted");
}

/// Both look, but for what is no question of layers: how many names of a file an overlay counts.
pub(crate) fn seen(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut seen = look(root);
    seen.values_mut().for_each(|line| {
        if let Some((before, after)) = line.split_once(" of ") {
            let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
            *line = format!("{before}{rest}");
        }
    });
    seen
}

/// Everything that a tree says of itself but the times of access, by path. Links are told by the first of their names.
pub(crate) fn look(root: &Path) -> BTreeMap<PathBuf, String> {
    let (mut seen, mut left, mut inodes) = (BTreeMap::new(), vec![root.to_owned()], BTreeMap::new());
    let mut paths = Vec::new();
    while let Some(path) = left.pop() {
        if path.symlink_metadata().expect("it is there").is_dir() {
            left.extend(fs::read_dir(&path).expect("a directory").map(|entry| entry.expect("an entry").path()));
        }
        paths.push(path);
    }
    paths.sort_unstable();
    for path in paths {
        let stat = path.symlink_metadata().expect("it is there");
        let own = path.strip_prefix(root).expect("below it").to_owned();
        let mut line = format!("{:o} {}:{}", stat.mode(), stat.uid(), stat.gid());
        line += &format!(" {}.{:09}", stat.mtime(), stat.mtime_nsec());
        if !stat.is_dir() {
            let first = inodes.entry(stat.ino()).or_insert_with(|| own.clone());
            line += &format!(" device {} as {} of {}", stat.rdev(), first.display(), stat.nlink());
        }
        if stat.is_symlink() {
            line += &format!(" -> {}", fs::read_link(&path).expect("a link").display());
        } else if stat.is_file() {
            line += &format!(" {} {}", stat.len(), Digest::of(&fs::read(&path).expect("a file")));
        }
        line += &format!(" {:?}", attributes(&path));
        seen.insert(own, line);
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
    let paths = one.keys().chain(other.keys());
    let differ = paths.filter(|path| one.get(*path) != other.get(*path));
    let lines: Vec<String> =
        differ.map(|path| format!("{}:\n  {:?}\n  {:?}", path.display(), one.get(path), other.get(path))).collect();
    assert!(lines.is_empty(), "{what}:\n{}", lines.join("\n"));
}
