//! `conex rm` and `conex container prune`: containers taken away; one that can't be does not keep the others.

use clap::Args;

use super::{format::sizes, say::say};
use crate::{Engine, Entry, Force, Result, State, Status};

/// Remove containers
#[derive(Args, Debug)]
pub(super) struct Rm {
    /// Kill those that run
    #[arg(short, long)]
    force: bool,
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
}

pub(super) fn main(rm: &Rm, engine: &Engine) -> Result<u8> {
    let force = if rm.force { Force::Yes } else { Force::No };
    super::each(&rm.containers, |word| {
        engine.remove(word, force)?;
        say(word);
        Ok(())
    })
}

pub(super) fn prune(_prune: &Prune, engine: &Engine) -> Result<u8> {
    let has_ended = |entry: &Entry| matches!(&entry.state, Ok(State { status: Status::Created | Status::Exited, .. }));
    let (mut bytes, mut is_first) = (0, true);
    for id in engine.list()?.into_iter().filter(has_ended).map(|entry| entry.id) {
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
