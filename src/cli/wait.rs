//! `conex wait`: until containers have ended, and how they did.

use clap::Args;

use super::say::say;
use crate::{Engine, Result};

/// Wait until containers have ended, and print their exit codes
#[derive(Args, Debug)]
pub(super) struct Wait {
    /// Names, ids, or beginnings of ids
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

pub(super) fn main(wait: &Wait, engine: &Engine) -> Result<u8> {
    super::each(&wait.containers, |word| {
        say(&engine.wait(&engine.find(word)?)?.to_string());
        Ok(())
    })
}
