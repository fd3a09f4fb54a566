//! `conex stop` and `conex restart`: containers are asked to end, and killed if they do not.

use std::time::Duration;

use clap::Args;

use super::{say::say, start::begin};
use crate::{Choices, Engine, Patience, Result, Signal, namespaces::ContainerId};

/// Stop containers: ask, and kill after a while
#[derive(Args, Debug)]
pub(super) struct Stop {
    #[command(flatten)]
    how: How,
    /// Names, ids, or beginnings of ids
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// Stop containers and start them again
#[derive(Args, Debug)]
pub(super) struct Restart {
    #[command(flatten)]
    how: How,
    /// Names, ids, or beginnings of ids
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// How a container is asked, and for how long.
#[derive(Args, Debug)]
struct How {
    /// The signal that asks it, if not its own
    #[arg(short, long, value_name = "SIGNAL")]
    signal: Option<String>,
    /// Seconds until it is killed; -1 is never
    #[arg(short = 't', long, visible_alias = "time", value_name = "SECONDS", allow_negative_numbers = true)]
    timeout: Option<i64>,
}

/// Docker's.
const TIMEOUT_SECS: i64 = 10;

pub(super) fn main(stop: &Stop, engine: &Engine) -> Result<u8> {
    super::each(&stop.containers, |word| {
        stop.how.apply(engine, &engine.find(word)?)?;
        say(word);
        Ok(())
    })
}

pub(super) fn restart(restart: &Restart, engine: &Engine) -> Result<u8> {
    super::each(&restart.containers, |word| {
        let id = engine.find(word)?;
        restart.how.apply(engine, &id)?;
        begin(engine, &id)?;
        say(word);
        Ok(())
    })
}

impl How {
    fn apply(&self, engine: &Engine, id: &ContainerId) -> Result<()> {
        let choices = Choices::read(engine.paths(), id)?;
        let signal = self.signal.as_ref().or(choices.stop_signal.as_ref());
        let signal = signal.map_or(Ok(Signal::TERM), |text| Signal::parse(text))?;
        let secs = self.timeout.or(choices.stop_timeout_secs).unwrap_or(TIMEOUT_SECS);
        let patience: Patience = u64::try_from(secs).ok().map(Duration::from_secs);
        engine.stop(id, signal, patience)
    }
}
