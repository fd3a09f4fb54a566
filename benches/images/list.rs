//! How long a list of many images takes.

use std::{io, path::Path, process::Command, time::Instant};

use crate::{Effort, arena::rounds::medians_ms, contender::Contender, place};

pub(crate) fn measure(conex: &Contender, state: &Path, effort: &Effort) -> io::Result<()> {
    let content = state.join("small");
    std::fs::create_dir_all(&content)?;
    let archive = state.join("small.tar");
    let status = Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&content).arg(".").status()?;
    if !status.success() {
        return Err(io::Error::other(format!("tar: {status}")));
    }
    for number in 0..effort.images {
        let (label, name) = (format!("LABEL number={number}"), format!("small/{number}"));
        conex.run(&["import", "-c", &label, &archive.to_string_lossy(), &name])?;
    }
    let lists: [&[&str]; 2] = [&["images"], &["images", "-q"]];
    let times = medians_ms(effort.rounds * 4, lists, |words| {
        let started = Instant::now();
        conex.run(words)?;
        Ok(started.elapsed())
    })?;
    place::say(&format!("\nimages, {} of them: {:.1} ms; with -q {:.1} ms", effort.images, times[0], times[1]));
    Ok(())
}
