//! `conex kill`: a signal to the first process of containers.

use clap::Args;

use super::say::say;
use crate::{Engine, Result, Signal};

/// Kill containers, or send them another signal
#[derive(Args, Debug)]
pub(super) struct Kill {
    /// The signal, by name or number
    #[arg(short, long, default_value = "KILL", value_name = "SIGNAL")]
    signal: String,
    /// Names, ids, or beginnings of ids
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

pub(super) fn main(kill: &Kill, engine: &Engine) -> Result<u8> {
    let signal = Signal::parse(&kill.signal)?;
    super::each(&kill.containers, |word| {
        engine.signal(&engine.find(word)?, signal)?;
        say(word);
        Ok(())
    })
}
