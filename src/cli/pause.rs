//! `conex pause` and `conex unpause`: all processes of containers stand still, and go on.

use clap::Args;

use super::say::say;
use crate::{Engine, Result};

/// Let all processes of containers stand still
#[derive(Args, Debug)]
pub(super) struct Pause {
    /// Names, ids, or beginnings of ids
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// Let containers that stand still go on
#[derive(Args, Debug)]
pub(super) struct Unpause {
    /// Names, ids, or beginnings of ids
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

pub(super) fn main(pause: &Pause, engine: &Engine) -> Result<u8> {
    super::each(&pause.containers, |word| {
        engine.pause(&engine.find(word)?)?;
        say(word);
        Ok(())
    })
}

pub(super) fn unpause(unpause: &Unpause, engine: &Engine) -> Result<u8> {
    super::each(&unpause.containers, |word| {
        engine.resume(&engine.find(word)?)?;
        say(word);
        Ok(())
    })
}
