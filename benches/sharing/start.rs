//! How long a container lives that does next to nothing: from nothing to nothing, its root made and taken away.

use std::{
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

use conex::namespaces::{ContainerId, Part, spawn};

use crate::{
    root::{How, containers, failed, host, plan},
    table::Table,
};

const NOTHING: &str = ":";
/// A file of the image that is large is written to: an overlay copies it first.
const FIRST_WRITE: &str = "echo x >> /usr/bin/perl";

pub(crate) fn measure(debian: &Path, table: &mut Table, lives: usize, copies: usize) -> io::Result<()> {
    for (what, script, cold) in [
        ("start, warm", NOTHING, false),
        ("start, cold", NOTHING, true),
        ("first write to a file of 4 MB", FIRST_WRITE, false),
    ] {
        let overlay = median(debian, How::Overlay, script, cold, lives)?;
        let copy = median(debian, How::Copy, script, cold, copies)?;
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        table.row(what, "ms", ms(overlay), ms(copy), "");
    }
    Ok(())
}

fn median(debian: &Path, how: How, script: &str, cold: bool, lives: usize) -> io::Result<Duration> {
    let mut samples = (0..lives).map(|_| life(debian, how, script, cold)).collect::<io::Result<Vec<_>>>()?;
    samples.sort_unstable();
    Ok(samples[samples.len() / 2])
}

fn life(debian: &Path, how: How, script: &str, cold: bool) -> io::Result<Duration> {
    let (host, directory) = (host()?, containers(debian)?);
    let (id, part) = (ContainerId::random().map_err(failed)?, how.part(&[debian.to_owned()], &directory));
    if cold {
        rustix::fs::sync();
        fs::write("/proc/sys/vm/drop_caches", "3")?;
    }
    let started = Instant::now();
    let parts: [&dyn Part; 1] = [part.as_ref()];
    let waiting = spawn(&host, &id, &parts, plan(&host, &id, script)).map_err(failed)?;
    let finished = waiting.start().and_then(|running| running.wait()).map_err(failed)?;
    let took = started.elapsed();
    if finished.exit.status() == 0 { Ok(took) } else { Err(io::Error::other(format!("{:?}", finished.exit))) }
}
