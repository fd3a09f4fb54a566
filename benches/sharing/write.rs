//! Where a copy wins: a program's first write to a big file, which an overlay copies up before. The root is there already,
//! and its removal does not count.

use std::{
    io,
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::{
    Effort,
    arena::rounds::medians_ms,
    root::{How, Roots, failed, waiting},
    row::Row,
    table::Table,
};

const APPEND: &str = "printf x >> /big";

pub(crate) fn measure(roots: &Roots, table: &mut Table, effort: &Effort, pair: [How; 2]) -> io::Result<()> {
    let (rounds, layers) = (effort.rounds, roots.with_big());
    let [overlay, copy] = medians_ms(rounds, pair, |how| first_write(how, &layers))?;
    let what = match pair {
        [_, How::Reflink] => "first write to a file of 67 MB, xfs with reflinks",
        _ => "first write to a file of 67 MB",
    };
    let note = format!("medians of {rounds}, the root made before");
    table.row(Row { what: what.to_owned(), containers: 1, unit: "ms", overlay, copy, note, ..Row::default() });
    Ok(())
}

/// From the word that lets a container go on to its end.
fn first_write(how: How, layers: &[PathBuf]) -> io::Result<Duration> {
    waiting((how, layers), (1, APPEND), |all, _| {
        rustix::fs::sync();
        let started = Instant::now();
        let mut took = Duration::ZERO;
        for (_, one) in all {
            let mut running = one.start().map_err(failed)?;
            let exit = running.ended().map_err(failed)?;
            took = started.elapsed();
            if exit.status() != 0 {
                return Err(io::Error::other(format!("{APPEND}: {exit:?}")));
            }
        }
        Ok(took)
    })
}
