//! `conex push`: an image to the registry that its name says.

use clap::Args;

use super::{progress::Bars, pull::client, say::say};
use crate::{
    Engine, Result,
    image::{self, Images},
};

/// Upload images to a registry
#[derive(Args, Debug)]
pub(super) struct Push {
    /// Every tag of the name
    #[arg(short, long)]
    all_tags: bool,
    /// No progress
    #[arg(short, long)]
    quiet: bool,
    /// Names, as images lists them; they say where to: localhost:5000/debian
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

pub(super) fn main(push: &Push, engine: &Engine) -> Result<u8> {
    let (images, client) = (Images::open(engine)?, client()?);
    super::each(&push.names, |name| {
        let names = if push.all_tags { images.tags(name)? } else { vec![Images::reference(name)?] };
        for name in names {
            let Some(record) = images.find_here(&name.to_string())? else {
                return Err(images.unknown(&name.to_string())?);
            };
            let bars = Bars::new(push.quiet);
            let pushed = image::push(&images, &client, &record, &name, &bars);
            bars.end();
            let (digest, bytes) = pushed?;
            match push.quiet {
                true => say(&name.to_string()),
                false => say(&format!("{}: digest: {digest} size: {bytes}", name.version())),
            }
        }
        Ok(())
    })
}
