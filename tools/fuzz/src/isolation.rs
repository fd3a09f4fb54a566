//! A world that stands still: in a mount namespace of its own this process may write to a fresh tmpfs and to the current
//! directory, and to nothing else of the machine. See mount_namespaces(7), mount_setattr(2).

use std::{
    env, fs, io,
    os::fd::AsFd,
    path::{Path, PathBuf},
};

use conex_kernel::{Kernel, operations::SetTree};
use nix::sched::{CloneFlags, unshare};
use rustix::{
    fs::{CWD, Mode, OFlags, openat},
    mount::{MountAttrFlags, MountFlags, MoveMountFlags, OpenTreeFlags, mount, move_mount, open_tree},
    process::{getegid, geteuid},
};

/// A directory that every machine has, as testkit's.
const PLACE: &str = "/mnt";

/// Goes there; gives the directory where the tmpfs is.
pub fn enter() -> io::Result<PathBuf> {
    let here = env::current_dir()?;
    own_namespaces()?;
    let kept = open_tree(CWD, &here, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC)?;
    let world = openat(CWD, "/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let still = SetTree {
        tree: world.as_fd(),
        source: Path::new("/"),
        attributes: MountAttrFlags::MOUNT_ATTR_RDONLY,
        id_map: None,
        recursive: true,
    };
    Kernel::quiet().perform("fuzz", still).map_err(io::Error::other)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", PLACE, "tmpfs", flags, Some(c"mode=700,size=64m"))?;
    move_mount(&kept, "", CWD, &here, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    Ok(PLACE.into())
}

/// Root keeps its user namespace, and so the right to make devices and to give files away.
fn own_namespaces() -> io::Result<()> {
    let (uid, gid) = (geteuid(), getegid());
    if uid.is_root() {
        return Ok(unshare(CloneFlags::CLONE_NEWNS)?);
    }
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {} 1", uid.as_raw()))?;
    fs::write("/proc/self/gid_map", format!("0 {} 1", gid.as_raw()))
}
