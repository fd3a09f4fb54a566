//! An overlay of an old kernel, whose options have to fit into one value or one page: each directory is named by the number
//! of its descriptor, from inside /proc/self/fd. See mount(2).

use std::{
    ffi::CString,
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use rustix::{
    fs::{CWD, Mode, openat},
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, OpenTreeFlags, UnmountFlags, fsconfig_create,
        fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount, open_tree, unmount,
    },
    process::{chdir, fchdir},
};

use super::{
    Filesystem,
    overlay::{DIRECTORY, LOWER, Setting},
};

/// What mount(2) takes, with the NUL; and what fsconfig(2) takes as one value.
const PAGE_BYTES: usize = 4096;
const VALUE_BYTES: usize = 256;

/// Makes it.
pub(super) fn make(filesystem: &Filesystem, settings: &[Setting<'_>]) -> io::Result<OwnedFd> {
    let here = openat(CWD, ".", DIRECTORY, Mode::empty())?;
    // From here, a layer's name is its descriptor's number: hundreds fit into the page.
    chdir("/proc/self/fd")?;
    let made = match lower(settings).len() < VALUE_BYTES {
        true => at_once(filesystem, settings).map(Some),
        false => over_the_first(filesystem, settings).map(|()| None),
    };
    fchdir(here)?;
    match made? {
        Some(tree) => Ok(tree),
        None => taken_away(first(filesystem)?),
    }
}

/// All lower directories in one value.
fn at_once(filesystem: &Filesystem, settings: &[Setting<'_>]) -> io::Result<OwnedFd> {
    let context = fsopen(filesystem.kind.as_str(), FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(context.as_fd(), "source", filesystem.source.as_str())?;
    let layers = lower(settings);
    if !layers.is_empty() {
        fsconfig_set_string(context.as_fd(), "lowerdir", layers)?;
    }
    for setting in settings {
        match setting {
            Setting::Directory("lowerdir+", _) => {}
            Setting::Directory(key, fd) => fsconfig_set_string(context.as_fd(), *key, fd.as_raw_fd().to_string())?,
            Setting::Value(key, value) => fsconfig_set_string(context.as_fd(), *key, *value)?,
            Setting::Flag(key) => fsconfig_set_flag(context.as_fd(), *key)?,
        }
    }
    fsconfig_create(context.as_fd())?;
    Ok(fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, filesystem.attributes)?)
}

/// Attaches it over its first directory.
fn over_the_first(filesystem: &Filesystem, settings: &[Setting<'_>]) -> io::Result<()> {
    let options = page(settings);
    if options.as_bytes_with_nul().len() > PAGE_BYTES {
        return Err(io::Error::other("its layers are too many for this kernel, which reads one page of options"));
    }
    let over = settings.iter().find_map(|setting| match setting {
        Setting::Directory(_, fd) => Some(fd.as_raw_fd().to_string()),
        _ => None,
    });
    let flags = [
        (MountAttrFlags::MOUNT_ATTR_NODEV, MountFlags::NODEV),
        (MountAttrFlags::MOUNT_ATTR_RDONLY, MountFlags::RDONLY),
    ];
    let flags = flags.into_iter().filter(|(attribute, _)| filesystem.attributes.contains(*attribute));
    let flags = flags.fold(MountFlags::empty(), |flags, (_, flag)| flags | flag);
    let (source, kind) = (filesystem.source.as_str(), filesystem.kind.as_str());
    Ok(mount(source, over.unwrap_or_default(), kind, flags, Some(options.as_c_str()))?)
}

/// The mount that was attached over a directory, attached nowhere any more.
fn taken_away(directory: &str) -> io::Result<OwnedFd> {
    let tree = open_tree(CWD, directory, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC);
    unmount(directory, UnmountFlags::DETACH)?;
    Ok(tree?)
}

fn first(filesystem: &Filesystem) -> io::Result<&str> {
    let first = filesystem.options.iter().find_map(|option| option.strip_prefix(LOWER));
    first.ok_or_else(|| io::Error::other("it has no layers"))
}

/// All lower directories, by their descriptors' numbers.
fn lower(settings: &[Setting<'_>]) -> String {
    let numbers = settings.iter().filter_map(|setting| match setting {
        Setting::Directory("lowerdir+", fd) => Some(fd.as_raw_fd().to_string()),
        _ => None,
    });
    numbers.collect::<Vec<_>>().join(":")
}

/// The options as mount(2) reads them.
fn page(settings: &[Setting<'_>]) -> CString {
    let others = settings.iter().filter_map(|setting| match setting {
        Setting::Directory("lowerdir+", _) => None,
        Setting::Directory(key, fd) => Some(format!("{key}={}", fd.as_raw_fd())),
        Setting::Value(key, value) => Some(format!("{key}={value}")),
        Setting::Flag(key) => Some((*key).to_owned()),
    });
    let options: Vec<String> = std::iter::once(format!("lowerdir={}", lower(settings))).chain(others).collect();
    CString::new(options.join(",")).unwrap_or_default()
}
