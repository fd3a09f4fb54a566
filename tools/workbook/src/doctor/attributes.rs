//! What chapter 4 needs of a disk. See xattr(7).

use std::{fs, path::Path};

use rustix::{
    fs::{XattrFlags, setxattr},
    io::Errno,
};

/// Whether an ordinary user may mark a directory as opaque where the page's commands put layers.
pub(super) fn of_users(_root: &Path) -> (bool, String) {
    let place = std::env::temp_dir();
    let probe = place.join(format!("conex-doctor-{}", std::process::id()));
    if let Err(error) = fs::create_dir(&probe) {
        return (false, format!("mkdir {}: {error}", probe.display()));
    }
    let set = setxattr(&probe, "user.overlay.opaque", b"y", XattrFlags::empty());
    let _ = fs::remove_dir(&probe);
    match set {
        Ok(()) => (true, format!("{} keeps them", place.display())),
        Err(Errno::OPNOTSUPP) => (false, format!("{} keeps none", place.display())),
        Err(errno) => (false, format!("setxattr in {}: {errno}", place.display())),
    }
}
