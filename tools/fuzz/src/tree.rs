//! What a tree of files looks like: everything that a layer can say of it, by path.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use conex_image::Digest;

/// A path, and all that is true of it but when it was read.
pub(crate) type Tree = BTreeMap<PathBuf, String>;

/// A file of holes can be longer than anybody can read.
const BYTES_MAX: u64 = 1 << 20;

/// `None` if it is too large, or deeper than a path can say, or has a capability that the kernel took and does not give.
pub(crate) fn look(root: &Path) -> Option<Tree> {
    let (mut seen, mut left, mut inodes, mut bytes) = (Tree::new(), vec![PathBuf::new()], BTreeMap::new(), 0);
    while let Some(path) = left.pop() {
        let whole = root.join(&path);
        let stat = looked(whole.symlink_metadata())?;
        if stat.file_type().is_char_device() && stat.rdev() == 0 {
            // Of a name that is deleted nothing else is kept.
            seen.insert(path, "deleted".to_owned());
            continue;
        }
        let mut line =
            format!("{:o} {}:{} {}.{:09}", stat.mode(), stat.uid(), stat.gid(), stat.mtime(), stat.mtime_nsec());
        if stat.is_dir() {
            let mut names = looked(fs::read_dir(&whole))?.map(|entry| Ok(path.join(entry?.file_name())));
            let mut names = looked(names.by_ref().collect::<io::Result<Vec<_>>>())?;
            names.sort_unstable();
            left.extend(names.into_iter().rev());
        } else {
            let first = inodes.entry(stat.ino()).or_insert_with(|| path.clone());
            line += &format!(" device {} as {} of {}", stat.rdev(), first.display(), stat.nlink());
        }
        if stat.is_symlink() {
            line += &format!(" -> {:?}", looked(fs::read_link(&whole))?);
        } else if stat.is_file() {
            bytes += stat.len();
            if bytes > BYTES_MAX {
                return None;
            }
            line += &format!(" {} {}", stat.len(), Digest::of(&looked(fs::read(&whole))?));
        }
        line += &format!(" {:?}", looked(attributes(&whole))?);
        seen.insert(path, line);
    }
    Some(seen)
}

/// Panics with the lines that differ.
pub(crate) fn same(one: &Tree, other: &Tree) {
    let paths: BTreeSet<&PathBuf> = one.keys().chain(other.keys()).collect();
    let differ = paths.into_iter().filter(|path| one.get(*path) != other.get(*path));
    let lines: Vec<String> =
        differ.map(|path| format!("{}:\n  {:?}\n  {:?}", path.display(), one.get(path), other.get(path))).collect();
    assert!(lines.is_empty(), "packed and applied again, it is another:\n{}", lines.join("\n"));
}

fn looked<T>(result: io::Result<T>) -> Option<T> {
    match result {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidFilename | io::ErrorKind::InvalidInput) => None,
        result => Some(result.unwrap_or_else(|error| panic!("a layer can't be looked at: {error}"))),
    }
}

fn attributes(path: &Path) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut keys = vec![0; 1 << 16];
    let length = rustix::fs::llistxattr(path, &mut keys)?;
    let keys = keys[..length].split(|byte| *byte == 0).filter(|key| !key.is_empty());
    let value = |key: &[u8]| {
        let mut value = vec![0; 1 << 16];
        let length = rustix::fs::lgetxattr(path, std::ffi::OsStr::from_bytes(key), &mut value)?;
        Ok((String::from_utf8_lossy(key).into_owned(), value[..length].to_vec()))
    };
    keys.map(value).collect()
}
