//! The best that a copy can be: on a file system whose files can share their data until one is written to. A small xfs in
//! a file, mounted for as long as this takes. See ioctl_ficlone(2), xfs(5).

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::fs::statvfs;

use crate::{
    Effort,
    arena::place::{self, PLACE},
    arena::rounds::medians_ms,
    root::{How, Roots, waiting},
    row::{Kind, Row},
    start,
    table::Table,
    write,
};

const BYTES: u64 = 2 << 30;
const PAIR: [How; 2] = [How::Overlay, How::Reflink];

pub(crate) fn measure(roots: &Roots, table: &mut Table, effort: &Effort) -> io::Result<()> {
    let Some(place) = mounted(roots)? else { return Ok(()) };
    let roots = Roots { debian: copied(&roots.debian, &place)?, big: copied(&roots.big, &place)? };
    let layers = roots.plain();
    let (rounds, containers) = (effort.rounds, effort.copies);
    let [overlay, copy] = medians_ms(rounds, PAIR, |how| start::PLAIN.life(how, &layers))?;
    let (what, note) = ("start, warm, xfs with reflinks".to_owned(), format!("medians of {rounds}"));
    table.row(Row { what, containers: 1, unit: "ms", overlay, copy, note, ..Row::default() });
    write::measure(&roots, table, effort, PAIR)?;
    let megabytes = |how| cost(&layers, how, containers).map(|bytes| bytes as f64 / 1e6);
    let (overlay, copy) = (megabytes(How::Overlay)?, megabytes(How::Reflink)?);
    let what = format!("disk, {containers} containers, xfs with reflinks");
    // A kind of its own, since it is no point of the other disk's line.
    table.row(Row { kind: Kind::DiskOfReflinks, what, containers, unit: "MB", overlay, copy, ..Row::default() });
    done(Command::new("umount").arg(&place))
}

/// An empty xfs; nothing, with the reason said, where there can be none.
fn mounted(roots: &Roots) -> io::Result<Option<PathBuf>> {
    if place::find("mkfs.xfs").is_none() {
        place::say("reflinks: needs the program mkfs.xfs: skipped");
        return Ok(None);
    }
    let (image, place) = (roots.debian.with_file_name("xfs.image"), Path::new(PLACE).join("xfs"));
    File::create(&image)?.set_len(BYTES)?;
    fs::create_dir(&place)?;
    let made = done(Command::new("mkfs.xfs").args(["-q", "-m", "reflink=1"]).arg(&image));
    let mounted = made.and_then(|()| done(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&place)));
    // Its loop device holds it.
    fs::remove_file(&image)?;
    if let Err(error) = mounted {
        place::say(&format!("reflinks: {error}: skipped"));
        return Ok(None);
    }
    Ok(Some(place))
}

/// A layer, copied there.
fn copied(layer: &Path, place: &Path) -> io::Result<PathBuf> {
    done(Command::new("cp").arg("-a").arg(layer).arg(place))?;
    Ok(place.join(layer.file_name().unwrap_or_default()))
}

/// By what is left on the disk: what is shared is counted in every file.
fn cost(layers: &[PathBuf], how: How, count: usize) -> io::Result<u64> {
    let free = || {
        rustix::fs::sync();
        statvfs(&layers[0]).map(|disk| disk.f_bfree * disk.f_frsize)
    };
    let before = free()?;
    let after = waiting((how, layers), (count, ":"), |_all, _| Ok(free()?))?;
    Ok(before.saturating_sub(after))
}

fn done(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let name = command.get_program().to_string_lossy();
    if output.status.success() { Ok(()) } else { Err(io::Error::other(format!("{name}: {}", said.trim()))) }
}
