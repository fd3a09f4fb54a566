//! `conex tag`: one more name for an image.

use clap::Args;

use crate::{Engine, Failure, Result, image::Images};

/// Give an image another name
#[derive(Args, Debug)]
pub(super) struct Tag {
    /// A name, an id, or the beginning of an id
    #[arg(value_name = "IMAGE")]
    image: String,
    /// The new name
    #[arg(value_name = "NAME")]
    name: String,
}

pub(super) fn main(tag: &Tag, engine: &Engine) -> Result<u8> {
    let images = Images::open(engine)?;
    let record = images.find(&tag.image)?;
    let name = Images::reference(&tag.name)?;
    if name.digest().is_some() {
        return Err(Failure::new(format!("{name} has a digest, which an image gives itself")).with_hint("NAME[:TAG]"));
    }
    images.name(&record, &name)?;
    Ok(0)
}
