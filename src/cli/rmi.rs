//! `conex rmi` and `conex image prune`: images taken away; one that can't be does not keep the others.

use clap::Args;
use conex_image::Config;

use super::{format::sizes, prune_filter::PruneFilter, say::say};
use crate::{
    Engine, Failure, Result,
    image::{Images, Record, Removed, Sure, Unused},
};

/// Remove images
#[derive(Args, Debug)]
pub(super) struct Rmi {
    /// Also those that have several names, or a container that does not run
    #[arg(short, long)]
    force: bool,
    /// Names, ids, or beginnings of ids
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
    /// Leave the images below, which conex never keeps for their own sake
    #[arg(long, hide = true)]
    no_prune: bool,
}

/// Remove images that nobody uses
#[derive(Args, Debug)]
pub(super) struct Prune {
    /// All that no container has, not only those without a name
    #[arg(short, long)]
    all: bool,
    /// Do not ask, which conex never does
    #[arg(short, long)]
    force: bool,
    /// until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE]
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,
}

pub(super) fn main(rmi: &Rmi, engine: &Engine) -> Result<u8> {
    let images = Images::open(engine)?;
    let sure = if rmi.force { Sure::Yes } else { Sure::No };
    let status = super::each(&rmi.images, |word| {
        images.remove(word, sure)?.iter().for_each(tell);
        Ok(())
    })?;
    images.sweep()?;
    Ok(status)
}

pub(super) fn prune(prune: &Prune, engine: &Engine) -> Result<u8> {
    let images = Images::open(engine)?;
    let filters = prune.filter.iter().map(|text| PruneFilter::parse(text)).collect::<Result<Vec<_>>>()?;
    let wanted = |record: &Record, config: &Config| {
        let made = record.created.as_deref().and_then(|text| text.parse().ok());
        filters.iter().all(|filter| filter.passes(made, &config.config.labels))
    };
    let which = if prune.all { Unused::All } else { Unused::Nameless };
    let Some((removed, bytes)) = images.prune(which, wanted)? else {
        let failure = Failure::new("somebody adds an image, or is about to use one");
        return Err(failure.with_hint("try it again when that is done"));
    };
    removed.iter().for_each(tell);
    say(&format!("Total reclaimed space: {}", sizes::decimal(bytes)));
    Ok(0)
}

fn tell(removed: &Removed) {
    match removed {
        Removed::Untagged(name) => say(&format!("Untagged: {name}")),
        Removed::Deleted(id) => say(&format!("Deleted: {id}")),
    }
}
