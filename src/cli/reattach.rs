//! `conex attach`: to a container that runs.

use clap::Args;

use super::{
    attach::{Attach, Shown},
    detach::Keys,
    run_flags::switch,
};
use crate::{Choices, Engine, Failure, Frame, Result};

/// Attach to a container that runs
#[derive(Args, Debug)]
pub(super) struct Reattach {
    /// Do not give it what we read
    #[arg(long)]
    no_stdin: bool,
    /// Pass our signals on to it
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true",
          action = clap::ArgAction::Set, value_name = "BOOL", value_parser = switch, hide_default_value = true)]
    sig_proxy: bool,
    /// The keys that leave it running
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<String>,
    /// A name, an id, or the beginning of an id
    #[arg(value_name = "CONTAINER")]
    container: String,
}

pub(super) fn main(asked: &Reattach, engine: &mut Engine) -> Result<u8> {
    let id = engine.find(&asked.container)?;
    let choices = Choices::read(engine.paths(), &id)?;
    let keys = asked.detach_keys.as_deref().map_or_else(|| Ok(Keys::default()), Keys::parse)?;
    let Some(stream) = engine.connect(&id)? else {
        let failure = Failure::new(format!("container {} is not running", asked.container));
        return Err(failure.with_hint(format!("conex start -a {}", asked.container)));
    };
    stream.send(&Frame::Attach, None).map_err(|error| Failure::io("attach", &error))?;
    let ending = Attach {
        stream: &stream,
        input: None,
        types: choices.stdin && !asked.no_stdin,
        shown: Shown { output: true, errors: true },
        passes_signals: asked.sig_proxy,
        keys,
        removes: choices.remove,
        narration: None,
    }
    .run()?;
    ending.status(engine)
}
