//! What stays in memory of one file that every container reads: its pages once, or once for each copy. See fincore(1).

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::fs::{Advice, fadvise};

use crate::{
    Effort,
    arena::place,
    big::{BYTES, FILE},
    root::{How, Roots, failed, waiting},
    row::{Kind, Row},
    table::Table,
};

pub(crate) fn measure(roots: &Roots, table: &mut Table, effort: &Effort) -> io::Result<()> {
    if place::find("fincore").is_none() {
        place::say("memory: needs the program fincore: skipped");
        return Ok(());
    }
    let containers = effort.copies;
    let megabytes = |how| cached(roots, how, containers).map(|bytes| bytes as f64 / 1e6);
    let (overlay, copy) = (megabytes(How::Overlay)?, megabytes(How::Copy)?);
    let what = format!("page cache of a file of 67 MB, read in {containers}");
    table.row(Row { kind: Kind::Memory, what, containers, unit: "MB", overlay, copy, ..Row::default() });
    Ok(())
}

/// Nothing of the file is in memory when the programs begin; all of them have read it when it is counted.
fn cached(roots: &Roots, how: How, count: usize) -> io::Result<u64> {
    waiting((how, &roots.with_big()), (count, "cat /big > /dev/null"), |all, directory| {
        let files: Vec<PathBuf> = match how {
            How::Overlay => vec![roots.big.join(FILE)],
            _ => all.iter().map(|(id, _)| directory.join(id.as_str()).join("rootfs").join(FILE)).collect(),
        };
        files.iter().try_for_each(|file| forget(file))?;
        let running = all.into_iter().map(|(_, one)| one.start().map_err(failed));
        let mut running = running.collect::<io::Result<Vec<_>>>()?;
        for one in &mut running {
            let exit = one.ended().map_err(failed)?;
            if exit.status() != 0 {
                return Err(io::Error::other(format!("a container that reads: {exit:?}")));
            }
        }
        files.iter().map(|file| resident(file)).sum()
    })
}

/// Takes a file's pages out of memory.
fn forget(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    file.sync_all()?;
    fadvise(&file, 0, None, Advice::DontNeed)?;
    match resident(path)? {
        0 => Ok(()),
        bytes => Err(io::Error::other(format!("{bytes} of {BYTES} bytes of {} stay in memory", path.display()))),
    }
}

fn resident(file: &Path) -> io::Result<u64> {
    let output = Command::new("fincore").args(["--bytes", "--noheadings", "--output", "RES"]).arg(file).output()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().map_err(io::Error::other)
}
