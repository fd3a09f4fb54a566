//! `conex rm`: containers taken away; one that can't be does not keep the others.

use clap::Args;

use super::{errors, say::say};
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
    let mut status = 0;
    for word in &rm.containers {
        match engine.remove(word, force) {
            Ok(_) => say(word),
            Err(failure) => {
                errors::fail(&failure);
                // Docker's, for every command but run.
                status = 1;
            }
        }
    }
    Ok(status)
}
