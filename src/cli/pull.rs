//! `conex pull`, and pulling for `run`.

use clap::Args;
use conex_image::{Digest, Platform};

use super::{
    progress::Bars,
    say::{complain, say},
};
use crate::{
    Engine, Result,
    image::{self, Images},
    registry::{Client, Reference, Settings, Sources},
};

/// Download images from a registry
#[derive(Args, Debug)]
pub(super) struct Pull {
    #[command(flatten)]
    flags: Quiet,
    /// For another kind of machine: linux/arm64, for example
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", value_parser = platform)]
    platform: Option<Platform>,
    /// Names, with a tag or a digest if it is not :latest
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

/// How `run` comes by an image.
#[derive(Args, Debug)]
pub(super) struct Pulling {
    /// missing, always or never: when the image is fetched from a registry
    #[arg(long, default_value = "missing", hide_default_value = true, value_name = "WHEN", value_parser = ["missing", "always", "never"])]
    pull: String,
    #[command(flatten)]
    flags: Quiet,
    /// The kind of machine that the image is for
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", value_parser = platform)]
    platform: Option<Platform>,
}

#[derive(Args, Debug)]
struct Quiet {
    /// No progress
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn main(pull: &Pull, engine: &Engine) -> Result<u8> {
    let (images, client) = (Images::open(engine)?, client()?);
    let machine = pull.platform.clone().unwrap_or_else(Platform::here);
    super::each(&pull.names, |name| {
        let reference = Images::reference(name)?;
        let digest = one(&images, &client, &reference, &machine, &Bars::new(pull.flags.quiet))?;
        if !pull.flags.quiet {
            say(&format!("Digest: {digest}"));
        }
        say(&reference.to_string());
        Ok(())
    })
}

fn one(images: &Images<'_>, client: &Client, reference: &Reference, machine: &Platform, bars: &Bars) -> Result<Digest> {
    let pulled = image::pull(images, client, reference, machine, bars);
    bars.end();
    pulled
}

/// Fetches the image that a container shall have, if it must be.
pub(super) fn if_needed(images: &Images<'_>, word: &str, how: &Pulling) -> Result<()> {
    let here = || -> Result<bool> { Ok(image::is_starter(word) || images.find_here(word)?.is_some()) };
    if how.pull == "never" || (how.pull == "missing" && here()?) {
        return Ok(());
    }
    let reference = Images::reference(word)?;
    if how.pull == "missing" && !how.flags.quiet {
        complain(&format!("there is no image {reference} here: pulling it"));
    }
    let machine = how.platform.clone().unwrap_or_else(Platform::here);
    let pulled = one(images, &client()?, &reference, &machine, &Bars::new(how.flags.quiet));
    pulled.map(drop).map_err(|failure| match images.similar(word) {
        Ok(Some(near)) => failure.with_hint(format!("did you mean {near}?")),
        _ => failure,
    })
}

/// A client that goes by the machine's and the user's files.
pub(super) fn client() -> Result<Client> {
    Ok(Client::new(Settings::read(&Sources::usual())?))
}

fn platform(text: &str) -> std::result::Result<Platform, String> {
    let mut parts = text.split('/').map(str::to_owned);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(os), Some(architecture), variant, None) if !os.is_empty() && !architecture.is_empty() => {
            Ok(Platform { architecture, os, variant })
        }
        _ => Err("it is not OS/ARCH or OS/ARCH/VARIANT: linux/arm64".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_have_two_parts_or_three() {
        assert_eq!(platform("linux/arm/v7").expect("one").variant.as_deref(), Some("v7"));
        for bad in ["linux", "/", "linux/", "a/b/c/d", ""] {
            assert!(platform(bad).is_err(), "{bad}");
        }
    }
}
