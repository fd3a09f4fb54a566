//! Whole files: written beside their place and renamed in, so that a reader sees all of one or nothing; and trees removed
//! whatever their modes.

use std::{
    ffi::CString,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::OpenOptionsExt},
    },
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::{
    fs::{AtFlags, CWD, Dir, Mode, OFlags, chmodat, fchmod, openat, unlinkat},
    io::Errno,
};

use crate::failure::{Failure, Result};

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
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| Failure::io(format_args!("read {}", path.display()), &error))?,
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| Failure::new(format!("read {}: {error}", path.display())))
}

/// Removes a file or a tree; not being there is fine.
pub(crate) fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Err(error) => Err(error),
        Ok(metadata) if metadata.is_dir() => remove_tree(path),
        Ok(_) => fs::remove_file(path),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(|error| Failure::io(format_args!("remove {}", path.display()), &error)),
    }
}

/// One descriptor at a time, however deep a container made it: down by name, up by `..`. Nothing in it runs any more.
fn remove_tree(path: &Path) -> io::Result<()> {
    let mut names: Vec<CString> = Vec::new();
    let mut here = open_directory(CWD, path.as_os_str().as_bytes())?;
    loop {
        if let Some(below) = empty(&here)? {
            here = open_directory(here.as_fd(), below.as_bytes())?;
            names.push(below);
            continue;
        }
        let Some(name) = names.pop() else { break };
        here = openat(&here, "..", DIRECTORY, Mode::empty())?;
        unlinkat(&here, name.as_c_str(), AtFlags::REMOVEDIR)?;
    }
    fs::remove_dir(path)
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// An overlay's working directory has mode 0; so may have what a container made.
fn open_directory(parent: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    match openat(parent, name, DIRECTORY, Mode::empty()) {
        Err(Errno::ACCESS) => {
            chmodat(parent, name, Mode::RWXU, AtFlags::empty())?;
            Ok(openat(parent, name, DIRECTORY, Mode::empty())?)
        }
        opened => Ok(opened?),
    }
}

/// Removes what is no directory; gives the first directory, if there is one.
fn empty(directory: &OwnedFd) -> io::Result<Option<CString>> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if [c".", c".."].contains(&name) {
            continue;
        }
        match unlinkat(directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ISDIR) => return Ok(Some(name.to_owned())),
            // A directory that we may not change: open it up, and begin again.
            Err(Errno::ACCESS) => {
                fchmod(directory, Mode::RWXU)?;
                return empty(directory);
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_tree_of_any_depth_and_mode_is_removed() {
        let root = std::env::temp_dir().join(format!("conex-files-{}", std::process::id()));
        fs::create_dir_all(&root).expect("the temporary directory is writable");
        let mut here = openat(CWD, &root, DIRECTORY, Mode::empty()).expect("opened");
        for _ in 0..3000 {
            rustix::fs::mkdirat(&here, "deep", Mode::RWXU).expect("made");
            here = openat(&here, "deep", DIRECTORY, Mode::empty()).expect("opened");
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
