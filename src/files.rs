//! Whole files: written beside their place and renamed in, so that a reader sees all of one or nothing; and trees removed
//! whatever their modes.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::fs::CWD;

use crate::{
    failure::{Failure, Result},
    kernel::directory,
};

/// Writes a file as a whole.
pub(crate) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("tmp{}-{number}", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&temporary)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&temporary, path));
    written.map_err(|error| {
        // What is half written helps nobody.
        let _ = fs::remove_file(&temporary);
        Failure::io(format_args!("write {}", path.display()), &error)
    })
}

/// Reads a JSON file; `None` where there is none.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| Failure::io(format_args!("read {}", path.display()), &error))?,
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| Failure::new(format!("read {}: {error}", path.display())))
}

/// A list reads thousands of small files: each by three calls, since a file that gives less than it was asked for has ended.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = fs::File::open(path)?;
    let (mut bytes, mut length) = (vec![0; BYTES_AT_ONCE], 0);
    loop {
        length += file.read(&mut bytes[length..])?;
        if length < bytes.len() {
            bytes.truncate(length);
            return Ok(bytes);
        }
        bytes.resize(2 * length, 0);
    }
}

/// More than a container's records have.
const BYTES_AT_ONCE: usize = 8 << 10;

/// Removes a file or a tree; not being there is fine.
pub(crate) fn remove(path: &Path) -> Result<()> {
    directory::remove(CWD, path.as_os_str())
        .map(drop)
        .map_err(|error| Failure::io(format_args!("remove {}", path.display()), &error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rustix::fs::{Mode, OFlags, mkdirat, openat};

    use super::*;

    #[test]
    fn a_tree_of_any_depth_and_mode_is_removed() {
        let root = std::env::temp_dir().join(format!("conex-files-{}", std::process::id()));
        fs::create_dir_all(&root).expect("the temporary directory is writable");
        let mut here = openat(CWD, &root, OFlags::DIRECTORY, Mode::empty()).expect("opened");
        for _ in 0..3000 {
            mkdirat(&here, "deep", Mode::RWXU).expect("made");
            here = openat(&here, "deep", OFlags::DIRECTORY, Mode::empty()).expect("opened");
        }
        fs::create_dir(root.join("closed")).expect("made");
        fs::write(root.join("closed/file"), "").expect("written");
        fs::set_permissions(root.join("closed"), fs::Permissions::from_mode(0o000)).expect("closed");
        std::os::unix::fs::symlink("/", root.join("link")).expect("linked");
        remove(&root).expect("removed");
        assert!(!root.exists() && Path::new("/").exists());
        remove(&root).expect("not being there is fine");
    }
}
