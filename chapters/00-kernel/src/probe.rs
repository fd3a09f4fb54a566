//! What this process may do, asked without changing anything. See mount_setattr(2).

use rustix::fs::CWD;

use crate::sys;

/// Whether this process may mount in its own mount namespace: capabilities don't tell, since root of a user namespace
/// has them all and yet no right over mounts that are older.
pub fn may_mount() -> bool {
    let nothing = libc::mount_attr { attr_set: 0, attr_clr: 0, propagation: 0, userns_fd: 0 };
    // The kernel looks at the right first, and then sees that there is nothing to change.
    sys::mount_setattr(CWD, false, &nothing).is_ok()
}
