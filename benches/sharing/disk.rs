//! What containers cost on the disk beyond their image, while they live. Of copies a few are made; for more, the cost is
//! computed from the slope, and called so.

use std::{io, os::unix::fs::MetadataExt, path::Path};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{
    Effort,
    root::{How, Roots, waiting},
    row::{Kind, Row},
    table::Table,
};

pub(crate) fn measure(roots: &Roots, table: &mut Table, effort: &Effort) -> io::Result<()> {
    // A container that waits takes two descriptors.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    let one = cost(roots, How::Copy, 1)?;
    let some = if effort.copies > 1 { cost(roots, How::Copy, effort.copies)? } else { one };
    let copies = |one: f64, some: f64, count: usize| match count {
        1 => one,
        _ => one + (some - one) / (effort.copies as f64 - 1.0) * (count as f64 - 1.0),
    };
    let mut inodes = Vec::new();
    for containers in effort.containers.iter().copied() {
        let overlay = cost(roots, How::Overlay, containers)?;
        let computed = containers > effort.copies;
        let note = if computed { format!("copies: computed from 1 and {}", effort.copies) } else { String::new() };
        let plural = if containers == 1 { "" } else { "s" };
        let row = |kind, what, unit, overlay: f64, copy| {
            let what = format!("{what}, {containers} container{plural}");
            Row { kind, what, containers, unit, overlay, copy, computed, note: note.clone() }
        };
        let copy = copies(one.0 as f64, some.0 as f64, containers);
        table.row(row(Kind::Disk, "disk", "MB", overlay.0 as f64 / 1e6, copy / 1e6));
        let copy = copies(one.1 as f64, some.1 as f64, containers);
        inodes.push(row(Kind::Inodes, "inodes", "", overlay.1 as f64, copy));
    }
    inodes.into_iter().for_each(|row| table.row(row));
    Ok(())
}

/// Bytes and inodes of so many containers that wait before their program.
fn cost(roots: &Roots, how: How, count: usize) -> io::Result<(u64, u64)> {
    waiting((how, &roots.plain()), (count, ":"), |_all, directory| {
        let (bytes, inodes) = usage(directory)?;
        // The directory of all containers is nobody's.
        Ok((bytes - directory.metadata()?.blocks() * 512, inodes - 1))
    })
}

/// Bytes and inodes of a tree.
pub(crate) fn usage(path: &Path) -> io::Result<(u64, u64)> {
    let own = path.symlink_metadata()?;
    let mut sum = (own.blocks() * 512, 1);
    if own.is_dir() {
        for entry in std::fs::read_dir(path)? {
            let (bytes, inodes) = usage(&entry?.path())?;
            sum = (sum.0 + bytes, sum.1 + inodes);
        }
    }
    Ok(sum)
}
