//! What containers cost on the disk beyond their image, while they live. Of copies a few are made; for more, the cost is
//! computed from the slope, and called so.

use std::{io, os::unix::fs::MetadataExt, path::Path};

use conex::namespaces::{ContainerId, Part, Waiting, spawn};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{
    root::{How, containers, failed, host, plan},
    table::Table,
};

pub(crate) fn measure(debian: &Path, table: &mut Table, counts: &[usize], copies: usize) -> io::Result<()> {
    // A container that waits takes two descriptors.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    let one = cost(debian, How::Copy, 1)?;
    let some = if copies > 1 { cost(debian, How::Copy, copies)? } else { one };
    for count in counts {
        let overlay = cost(debian, How::Overlay, *count)?;
        let computed = |one: u64, some: u64| {
            let slope = if copies > 1 { (some - one) as f64 / (copies - 1) as f64 } else { one as f64 };
            one as f64 + slope * (*count as f64 - 1.0)
        };
        let note = if *count == 1 || *count == copies { "" } else { "copies: computed" };
        let megabytes = |bytes: f64| bytes / 1e6;
        let containers = if *count == 1 { "1 container".to_owned() } else { format!("{count} containers") };
        let (bytes, inodes) = (computed(one.0, some.0), computed(one.1, some.1));
        table.row(&format!("disk, {containers}"), "MB", megabytes(overlay.0 as f64), megabytes(bytes), note);
        table.row(&format!("inodes, {containers}"), "", overlay.1 as f64, inodes, note);
    }
    Ok(())
}

/// Bytes and inodes of so many containers that wait before their program.
fn cost(debian: &Path, how: How, count: usize) -> io::Result<(u64, u64)> {
    let (host, directory) = (host()?, containers(debian)?);
    let part = how.part(&[debian.to_owned()], &directory);
    let parts: [&dyn Part; 1] = [part.as_ref()];
    let ids = (0..count).map(|_| ContainerId::random().map_err(failed)).collect::<io::Result<Vec<_>>>()?;
    let waiting: Vec<Waiting<'_>> = ids
        .iter()
        .map(|id| spawn(&host, id, &parts, plan(&host, id, ":")).map_err(failed))
        .collect::<io::Result<_>>()?;
    let (bytes, inodes) = usage(&directory)?;
    drop(waiting);
    // The directory of all containers is nobody's.
    Ok((bytes - std::fs::metadata(&directory)?.blocks() * 512, inodes - 1))
}

fn usage(path: &Path) -> io::Result<(u64, u64)> {
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
