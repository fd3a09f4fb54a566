//! The container's own /proc. See proc(5).

use conex_kernel::{Kernel, Result, Root, operations::Filesystem};
use rustix::mount::MountAttrFlags;

/// What /proc, and all that is bound inside it, is mounted with.
pub(crate) const ATTRIBUTES: MountAttrFlags =
    MountAttrFlags::MOUNT_ATTR_NOSUID.union(MountAttrFlags::MOUNT_ATTR_NODEV).union(MountAttrFlags::MOUNT_ATTR_NOEXEC);

/// As any container has it.
pub(crate) fn filesystem() -> Filesystem {
    Filesystem { kind: "proc".into(), source: "proc".into(), options: Vec::new(), attributes: ATTRIBUTES }
}

// ANCHOR: proc
/// Mounts a proc that shows this process's pid namespace; with the host's, `ps` would list the host's processes.
#[doc(alias = "exercise:namespaces.proc")]
pub(crate) fn mount_proc(kernel: &Kernel, root: Root<'_>) -> Result<()> {
    use std::path::Path;

    use conex_kernel::{Links, operations::MountFilesystem};

    use crate::NAME;

    kernel.perform(
        NAME,
        // No links: an image whose /proc points elsewhere would have us write there later (CVE-2019-19921).
        MountFilesystem { filesystem: &filesystem(), root, target: Path::new("/proc"), links: Links::Refuse },
    )
}
// ANCHOR_END: proc
