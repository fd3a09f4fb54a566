//! `conex rename`: another name for a container.

use clap::Args;

use crate::{Engine, Name, Result};

/// Rename a container
#[derive(Args, Debug)]
pub(super) struct Rename {
    /// A name, an id, or the beginning of an id
    #[arg(value_name = "CONTAINER")]
    container: String,
    /// The new name
    #[arg(value_name = "NAME")]
    name: String,
}

pub(super) fn main(rename: &Rename, engine: &Engine) -> Result<u8> {
    engine.rename(&engine.find(&rename.container)?, &Name::parse(&rename.name)?)?;
    Ok(0)
}
