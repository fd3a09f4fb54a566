//! A container's root, seen without the container: a mount that is attached nowhere, and gone with its descriptor. For
//! cp, export and the first copy of volumes. See fsmount(2), open_tree(2).

use std::{
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use conex_kernel::{
    Error, Kernel, Result,
    operations::{CloneTree, LayersBy, MakeOverlay, SetTree},
};
use conex_namespaces::{ContainerId, Host, Part};
use rustix::mount::MountAttrFlags;

use crate::{
    LAYERS_MAX, NAME, Overlay,
    marks::Marks,
    overlay::filesystem,
    place::{UPPER, WORK},
};

/// What is done by a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing is made or written, also while the container runs.
    Read,
    /// As the container would write. Not while it runs: the kernel keeps no two such mounts in step.
    Write,
}

impl Overlay {
    /// The root of a container, or of one that never ran, as a directory's descriptor. Programs in it don't run, and
    /// devices don't open.
    ///
    /// Only root can make one: an ordinary user may mount in his containers' namespaces alone.
    pub fn view(&self, host: &Host, id: &ContainerId, access: Access) -> Result<OwnedFd> {
        let mut stack = self.stack();
        let upper = self.place(id).path(UPPER);
        let shared = MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOSUID;
        let read_only = shared | MountAttrFlags::MOUNT_ATTR_RDONLY;
        let seen = match access {
            Access::Write => {
                self.prepare(host, id)?;
                let filesystem = self.writable(&host.facts, id);
                return make(host, conex_kernel::operations::Filesystem { attributes: shared, ..filesystem });
            }
            // One more layer; or, where that would be too many, what is written as such.
            Access::Read if upper.is_dir() && stack.len() == LAYERS_MAX => {
                // The kernel wants a work directory, although nothing will be written; `cleanup` takes it away.
                self.place(id).make_directory(WORK, 0o700)?;
                self.writable(&host.facts, id)
            }
            Access::Read => {
                stack.extend(upper.is_dir().then_some(upper));
                if let [only] = stack.as_slice() {
                    // The kernel makes no overlay of one.
                    return clone(&host.kernel, only, read_only);
                }
                filesystem(&stack, None, Marks::of(&host.facts))
            }
        };
        make(host, conex_kernel::operations::Filesystem { attributes: read_only, ..seen })
    }
}

fn make(host: &Host, filesystem: conex_kernel::operations::Filesystem) -> Result<OwnedFd> {
    let by = LayersBy::of(host.facts.kernel);
    let layers = filesystem.options.iter().filter(|option| option.starts_with("lowerdir+=")).count();
    if layers > by.detached_max() {
        let ((major, minor), most) = (host.facts.kernel, by.detached_max());
        let why =
            format!("this is Linux {major}.{minor}, which shows {most} layers without attaching them, not {layers}");
        return Err(Error::refused(NAME, "look at a container's root", why).with_hint("start it and look inside"));
    }
    let made = host.kernel.perform(NAME, MakeOverlay { filesystem: &filesystem, by, seen_by: None });
    made.map_err(|error| explained(error, host))
}

fn clone(kernel: &Kernel, layer: &PathBuf, attributes: MountAttrFlags) -> Result<OwnedFd> {
    let source: &Path = layer;
    let tree = kernel.perform(NAME, CloneTree { source, recursive: false })?;
    kernel.perform(NAME, SetTree { tree: tree.as_fd(), source, attributes, id_map: None, recursive: false })?;
    Ok(tree)
}

fn explained(error: Error, host: &Host) -> Error {
    match error.errno() {
        Some(libc::EPERM) if !host.facts.is_privileged() => error
            .with_hint("only root can look at a container's root from outside; start the container and look inside"),
        Some(libc::EINVAL) => error.with_hint("the kernel's log says which directory can't be in an overlay: dmesg"),
        _ => error,
    }
}
