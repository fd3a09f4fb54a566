//! File systems that can't hold what an overlay writes, by name. See statfs(2).

use std::path::Path;

use conex_kernel::{Error, Result};
use rustix::fs::statfs;

use crate::NAME;

/// Magic numbers, names, and what they lack.
const REFUSED: [(u64, &str, &str); 9] = [
    (0x794c_7630, "overlay", "an overlay can't be written through another"),
    (0x6969, "nfs", "it can't rename and leave a whiteout at once"),
    (0x4d44, "vfat", "it has no extended attributes"),
    (0x2011_bab0, "exfat", "it has no extended attributes"),
    (0x0102_1997, "9p", "it has no whiteouts"),
    (0xf15f, "ecryptfs", "it has no whiteouts"),
    (0x9660, "iso9660", "it can't be written to"),
    (0x7371_7368, "squashfs", "it can't be written to"),
    (0xe0f5_e1e2, "erofs", "it can't be written to"),
];

/// Refuses to write an overlay's upper at `place` where that can't work.
pub(crate) fn check_writable(place: &Path) -> Result<()> {
    let Some(why) = obstacle(place)? else { return Ok(()) };
    Err(Error::refused(NAME, use_of(place), why)
        .with_hint("choose a place on ext4, xfs, btrfs or tmpfs, or a root that is a copy: --storage-driver copy"))
}

/// Why what is written can't go into a directory there; nothing where it can.
pub fn obstacle(place: &Path) -> Result<Option<String>> {
    let found = statfs(place).map_err(|errno| Error::new(NAME, use_of(place), &errno.into()))?;
    // The type is signed on some machines; all magic numbers have 32 bits.
    let magic = found.f_type as u64 & 0xffff_ffff;
    let known = REFUSED.iter().find(|(number, ..)| *number == magic);
    Ok(known.map(|(_, name, lacks)| format!("it lies on a file system of type {name}: {lacks}")))
}

fn use_of(place: &Path) -> String {
    format!("use {} for what is written", place.display())
}
