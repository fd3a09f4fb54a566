//! `conex rm` and `conex container prune`: containers taken away; one that can't be does not keep the others.

use clap::Args;
use jiff::Timestamp;

use super::{
    format::sizes,
    prune_filter::PruneFilter,
    say::{complain, say},
};
use crate::{Engine, Entry, Force, Result, State, Status};

/// Remove containers
#[derive(Args, Debug)]
pub(super) struct Rm {
    /// Kill those that run
    #[arg(short, long)]
    force: bool,
    /// Also its volumes, of which it has none before chapter 5
    #[arg(short, long)]
    volumes: bool,
    /// Names, ids, or beginnings of ids
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// Remove all containers that do not run
#[derive(Args, Debug)]
pub(super) struct Prune {
    /// Do not ask, which conex never does
    #[arg(short, long)]
    force: bool,
    /// until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE]
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,
}

pub(super) fn main(rm: &Rm, engine: &Engine) -> Result<u8> {
    let force = if rm.force { Force::Yes } else { Force::No };
    super::each(&rm.containers, |word| {
        if rm.force && engine.meant(word).is_empty() {
            // It is gone, and that is what was wanted.
            complain(&format!("there is no container {word}"));
            return Ok(());
        }
        engine.remove(word, force)?;
        say(word);
        Ok(())
    })
}

pub(super) fn prune(prune: &Prune, engine: &Engine) -> Result<u8> {
    let has_ended = |entry: &Entry| matches!(&entry.state, Ok(State { status: Status::Created | Status::Exited, .. }));
    let filters = prune.filter.iter().map(|text| PruneFilter::parse(text)).collect::<Result<Vec<_>>>()?;
    let is_wanted = |entry: &Entry| {
        let Ok(choices) = &entry.choices else { return filters.is_empty() };
        let made = i64::try_from(choices.created_unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        filters.iter().all(|filter| filter.passes(made, &choices.labels))
    };
    let (mut bytes, mut is_first) = (0, true);
    for id in engine.list()?.into_iter().filter(has_ended).filter(is_wanted).map(|entry| entry.id) {
        let takes = conex_image::size(&engine.paths().container(&id)).unwrap_or(0);
        // Somebody may have started it meanwhile, or removed it.
        if engine.remove(id.as_str(), Force::No).is_ok() {
            if std::mem::take(&mut is_first) {
                say("Deleted Containers:");
            }
            say(id.as_str());
            bytes += takes;
        }
    }
    say(&format!("Total reclaimed space: {}", sizes::decimal(bytes)));
    Ok(0)
}
