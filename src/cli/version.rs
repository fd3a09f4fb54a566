//! `conex version`.

use clap::Args;

use super::say::say;
use crate::Result;

/// Print the version
#[derive(Args, Debug)]
pub(super) struct Version {}

pub(super) fn main(_version: &Version) -> Result<u8> {
    say(&format!("conex {}", env!("CARGO_PKG_VERSION")));
    Ok(0)
}
