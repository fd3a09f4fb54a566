//! How long a container lives that does nothing: from nothing to nothing, its root made and taken away.

use std::{
    array, fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use conex::{
    cgroups::{Cgroup, Limits, World},
    namespaces::{ContainerId, Part, spawn},
};
use criterion::Criterion;

use crate::{
    Effort,
    arena::rounds::medians_ms,
    arena::{self, cloner},
    root::{How, Roots, containers, failed, host, plan},
    row::Row,
    table::Table,
};

/// A way to start.
pub(crate) struct Start {
    name: &'static str,
    /// Nothing of the layers is in memory.
    cold: bool,
    limited: bool,
}

pub(crate) const PLAIN: Start = Start { name: "start, warm", cold: false, limited: false };

const ALL: [Start; 4] = [
    PLAIN,
    Start { name: "start, warm, with limits", cold: false, limited: true },
    Start { name: "start, cold", cold: true, limited: false },
    Start { name: "start, cold, with limits", cold: true, limited: true },
];

const BOTH: [How; 2] = [How::Overlay, How::Copy];

/// The table's rows. The warm ones come after a copy, which has read all of the layers.
pub(crate) fn measure(roots: &Roots, table: &mut Table, effort: &Effort) -> io::Result<()> {
    let (rounds, layers) = (effort.rounds, roots.plain());
    let lives: [(&Start, How); 8] = array::from_fn(|number| (&ALL[number / 2], BOTH[number % 2]));
    let medians = medians_ms(rounds, lives, |(start, how)| start.life(how, &layers))?;
    for (start, medians) in ALL.iter().zip(medians.chunks(2)) {
        let (what, note) = (start.name.to_owned(), format!("medians of {rounds}"));
        let (overlay, copy) = (medians[0], medians[1]);
        table.row(Row { what, containers: 1, unit: "ms", overlay, copy, note, ..Row::default() });
    }
    Ok(())
}

/// Criterion's part. A copy takes long, so each has the least number of samples that criterion takes.
pub(crate) fn compare(debian: &Path) -> io::Result<()> {
    const SAMPLES: usize = 10;
    const WARM_UP: Duration = Duration::from_millis(100);
    const MEASURE: Duration = Duration::from_millis(500);
    for start in &ALL {
        let contender = |how: How| {
            let mut command = cloner::command()?;
            cloner::contender(how.word(), command.args([start.name, how.word()]).arg(debian))
        };
        let mut contenders = BOTH.map(contender).into_iter().collect::<io::Result<Vec<_>>>()?;
        let criterion = Criterion::default().sample_size(SAMPLES).warm_up_time(WARM_UP).measurement_time(MEASURE);
        arena::compare(criterion, start.name, &mut contenders);
    }
    Ok(())
}

/// The cloner that `compare` asks.
pub(crate) fn main(arguments: &[String]) -> io::Result<()> {
    let [name, how, debian] = arguments else { return Err(io::Error::other("a cloner's words are missing")) };
    let start = ALL.iter().find(|start| start.name == name);
    let how = BOTH.into_iter().find(|known| known.word() == how);
    let (start, how) = start.zip(how).ok_or_else(|| io::Error::other("a cloner's word is unknown"))?;
    let layers = [PathBuf::from(debian)];
    cloner::answer(|| start.life(how, &layers))
}

impl Start {
    pub(crate) fn life(&self, how: How, layers: &[PathBuf]) -> io::Result<Duration> {
        let (host, directory) = (host()?, containers(layers)?);
        let (id, root) = (ContainerId::random().map_err(failed)?, how.part(layers, &directory));
        let limits = Limits { memory_bytes: Some(64 << 20), pids: Some(100), ..Limits::default() };
        let cgroup = Cgroup::new(World::probe().map_err(failed)?, limits);
        let parts: [&dyn Part; 2] = [root.as_ref(), &cgroup];
        let parts = if self.limited { &parts } else { &parts[..1] };
        // What the copy before this one left to be written must not be in this one's way.
        rustix::fs::sync();
        if self.cold {
            fs::write("/proc/sys/vm/drop_caches", "3")?;
        }
        let started = Instant::now();
        let waiting = spawn(&host, &id, parts, plan(&host, &id, ":")).map_err(failed)?;
        let finished = waiting.start().and_then(|running| running.wait()).map_err(failed)?;
        let took = started.elapsed();
        if finished.exit.status() == 0 { Ok(took) } else { Err(io::Error::other(format!("{:?}", finished.exit))) }
    }
}
