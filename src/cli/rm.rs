//! `conex rm`: containers taken away; one that can't be does not keep the others.

use clap::Args;

use super::say::say;
use crate::{Engine, Force, Result};

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

pub(super) fn main(rm: &Rm, engine: &Engine) -> Result<u8> {
    let force = if rm.force { Force::Yes } else { Force::No };
    super::each(&rm.containers, |word| {
        engine.remove(word, force)?;
        say(word);
        Ok(())
    })
}
