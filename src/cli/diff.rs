//! `conex diff`: what a container changed in its image.

use clap::Args;

use super::say::say;
use crate::{Engine, Result};

/// Show what a container changed in its image: A is added, C changed, D deleted
#[derive(Args, Debug)]
pub(super) struct Diff {
    /// A name, an id, or the beginning of an id
    #[arg(value_name = "CONTAINER")]
    container: String,
}

pub(super) fn main(diff: &Diff, engine: &Engine) -> Result<u8> {
    engine.changes(&engine.find(&diff.container)?)?.iter().for_each(|change| say(&change.to_string()));
    Ok(0)
}
