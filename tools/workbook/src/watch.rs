//! Watching files by looking again and again: not every shared folder tells of changes.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    thread,
    time::{Duration, SystemTime},
};

use anyhow::Result;

/// Files and when each was changed.
type Times = BTreeMap<PathBuf, Option<SystemTime>>;

const PAUSE: Duration = Duration::from_millis(300);

/// Acts at once and then at each change below these directories, for ever.
pub fn on_change(directories: &dyn Fn() -> Result<Vec<PathBuf>>, act: &mut dyn FnMut()) -> Result<()> {
    let mut seen = None;
    loop {
        let now = Some(times(directories()?));
        if now != seen {
            seen = now;
            act();
        }
        thread::sleep(PAUSE);
    }
}

fn times(mut directories: Vec<PathBuf>) -> Times {
    let mut times = Times::new();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => directories.push(entry.path()),
                metadata => _ = times.insert(entry.path(), metadata.and_then(|metadata| metadata.modified()).ok()),
            }
        }
    }
    times
}
