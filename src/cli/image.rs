//! `conex image`: images made from the machine's own programs, until layers and registries come.

use clap::{Args, Subcommand};

use super::say::say;
use crate::{Engine, Result, image};

/// Manage images
#[derive(Subcommand, Debug)]
pub(super) enum Image {
    FromHost(FromHost),
    /// List images
    Ls,
}

/// Make an image of the machine's own programs and the libraries that they need
#[derive(Args, Debug)]
pub(super) struct FromHost {
    /// What the image is called
    name: String,
    /// Programs, by name or path; the first is the image's command
    #[arg(required = true)]
    programs: Vec<String>,
}

pub(super) fn main(image: &Image, engine: &Engine) -> Result<u8> {
    match image {
        Image::FromHost(FromHost { name, programs }) => {
            let made = image::from_host(engine, name, programs)?;
            say(&format!("{name}: {} files, {} bytes", made.files, made.bytes));
        }
        Image::Ls => image::names(engine).iter().for_each(|name| say(name)),
    }
    Ok(0)
}
