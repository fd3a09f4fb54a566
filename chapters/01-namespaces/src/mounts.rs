//! What the child mounts inside its root before the pivot: every target by descriptor, below the root's own.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use conex_kernel::{
    Error, Kernel, Result, Root,
    operations::{
        AttachRoot, AttachTree, MakeDevice, MakeFilesystem, MakeLink, Mask, MountFilesystem, RebindInside,
        RemountInside, WriteSysctl,
    },
};
use rustix::{
    fs::{CWD, Mode, OFlags, openat},
    mount::MountAttrFlags,
};

use crate::{
    Facts, Mount, NAME, Owners, Plan, RootPlan, Source,
    detached::{self, Trees},
    proc,
};

/// Attaches the root; gives its descriptor, by which everything else is mounted.
pub(crate) fn attach_root(
    kernel: &Kernel,
    facts: &Facts,
    plan: &Plan,
    root: &RootPlan,
    ready: Option<&OwnedFd>,
) -> Result<OwnedFd> {
    let tree = match (ready, &root.source) {
        (Some(tree), _) => Some(tree.try_clone().map_err(|error| Error::new(root.part, "dup", &error))?),
        (None, Source::New(filesystem)) if detached::overlay_of(root).is_some() => {
            Some(detached::make_overlay(kernel, facts, root.part, filesystem, None)?)
        }
        (None, Source::New(filesystem)) => Some(kernel.perform(root.part, MakeFilesystem { filesystem })?),
        (None, _) => detached::clone_root(kernel, plan, root)?,
    };
    let tree = tree.ok_or_else(|| Error::refused(root.part, "attach the root", "a device can't be one"))?;
    let made = match &root.source {
        Source::New(filesystem) => Some(filesystem),
        _ => None,
    };
    // A tree that the child cloned is never mapped, nor is a file system that it made.
    let mapped = ready.is_some() && detached::is_mapped(plan, Owners::Mapped);
    kernel.perform(
        root.part,
        AttachRoot { tree: tree.as_fd(), source: root_path(root), made, attributes: RootPlan::ATTRIBUTES, mapped },
    )?;
    Ok(tree)
}

/// The root's path on the host, for words.
pub(crate) fn root_path(root: &RootPlan) -> &Path {
    match &root.source {
        Source::Bind { path, .. } | Source::Device { path, .. } => path,
        // Where every host has a directory that a script may mount it on.
        Source::New(_) => Path::new("/mnt"),
    }
}

/// Mounts all that the plan asks for, in its order; then what only makes sense on top of that.
pub(crate) fn mount_all(kernel: &Kernel, plan: &Plan, trees: &Trees, root: Root<'_>) -> Result<()> {
    if plan.proc {
        proc::mount_proc(kernel, root)?;
    }
    // Before /proc/sys becomes read-only.
    for (key, value) in &plan.sysctls {
        kernel.perform(NAME, WriteSysctl { root, key, value })?;
    }
    for (mount, tree) in plan.mounts.iter().zip(&trees.mounts) {
        mount_one(kernel, plan, mount, tree, root)?;
    }
    for (path, to) in &plan.links {
        kernel.perform(NAME, MakeLink { root, path, to })?;
    }
    seal(kernel, plan, root)
}

fn mount_one(kernel: &Kernel, plan: &Plan, mount: &Mount, tree: &Option<OwnedFd>, root: Root<'_>) -> Result<()> {
    let Mount { part, target, links, .. } = mount;
    let (path, recursive) = match &mount.source {
        Source::New(filesystem) => {
            return kernel.perform(part, MountFilesystem { filesystem, root, target, links: *links });
        }
        Source::Device { number, .. } if plan.namespaces.user.is_host() => {
            return kernel.perform(part, MakeDevice { root, path: target, number: *number, mode: 0o666 });
        }
        Source::Device { path, .. } => (path, false),
        Source::Bind { path, recursive } => (path, *recursive),
    };
    let cloned = if tree.is_none() { detached::clone_mount(kernel, plan, mount)? } else { None };
    let Some(tree) = tree.as_ref().or(cloned.as_ref()) else { return Ok(()) };
    let (attributes, kind, links) = (mount.attributes, mount.kind, *links);
    kernel.perform(
        part,
        AttachTree { tree: tree.as_fd(), source: path, recursive, attributes, root, target, kind, links },
    )
}

/// Takes away what the container may not read or write: after the mounts, since it covers parts of them.
fn seal(kernel: &Kernel, plan: &Plan, root: Root<'_>) -> Result<()> {
    for mount in &plan.mounts {
        if let (Source::New(filesystem), false) = (&mount.source, mount.attributes.is_empty()) {
            let attributes = filesystem.attributes | mount.attributes;
            kernel.perform(mount.part, RemountInside { root, path: &mount.target, attributes })?;
        }
    }
    for path in &plan.masked {
        kernel.perform(NAME, Mask { root, path })?;
    }
    for path in &plan.read_only {
        let (attributes, inherited) = (MountAttrFlags::MOUNT_ATTR_RDONLY, proc::ATTRIBUTES);
        kernel.perform(NAME, RebindInside { root, path, attributes, inherited })?;
    }
    Ok(())
}

/// Makes the root read-only, if the plan says so: last, since what was missing in it had to be made.
pub(crate) fn seal_root(kernel: &Kernel, plan: &Plan) -> Result<()> {
    let Some(RootPlan { part, read_only: true, .. }) = &plan.root else { return Ok(()) };
    let (fd, path) = (open_root()?, Path::new("/"));
    let attributes = RootPlan::ATTRIBUTES | MountAttrFlags::MOUNT_ATTR_RDONLY;
    kernel.perform(part, RemountInside { root: Root { fd: fd.as_fd(), path }, path, attributes })
}

/// The directory that is this process's root now, for look-ups inside it.
pub(crate) fn open_root() -> Result<OwnedFd> {
    let opened = openat(CWD, "/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    opened.map_err(|errno| Error::new(NAME, "open /", &errno.into()))
}
