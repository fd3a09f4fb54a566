//! `conex image`: every verb about images under one name, and those that have no other.

use clap::{Args, Subcommand};
use conex_image::{Config, Platform};
use serde_json::{Value, json};

use super::{
    archive::{self, Import, Load, Save},
    history::{self, History},
    images::{self, ImagesArgs},
    inspect,
    pull::{self, Pull},
    push::{self, Push},
    rmi::{self, Prune, Rmi},
    say::say,
    tag::{self, Tag},
};
use crate::{
    Engine, Result,
    image::{self, Images, Record},
};

/// Manage images
#[derive(Subcommand, Debug)]
pub(super) enum Image {
    FromHost(FromHost),
    History(History),
    Import(Import),
    Inspect(Inspect),
    Load(Load),
    #[command(alias = "list")]
    Ls(ImagesArgs),
    Prune(Prune),
    Pull(Pull),
    Push(Push),
    #[command(alias = "remove")]
    Rm(Rmi),
    Save(Save),
    Tag(Tag),
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

/// Show all that is known of images, as JSON
#[derive(Args, Debug)]
pub(super) struct Inspect {
    /// A template of Go's, for each: '{{.Id}}', or json
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
    /// Names, ids, or beginnings of ids
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

pub(super) fn main(command: &Image, engine: &Engine) -> Result<u8> {
    match command {
        Image::FromHost(FromHost { name, programs }) => {
            let images = Images::open(engine)?;
            let made = image::from_host(&images, name, programs)?;
            say(&format!("{name}: {} files, {} bytes", made.files, made.bytes));
            Ok(0)
        }
        Image::History(history) => history::main(history, engine),
        Image::Import(import) => archive::import(import, engine),
        Image::Inspect(Inspect { format, images: words }) => {
            let images = Images::open(engine)?;
            inspect::show(words, format.as_deref(), |word| describe(&images, &images.find(word)?))
        }
        Image::Load(load) => archive::load(load, engine),
        Image::Ls(images) => images::main(images, engine),
        Image::Prune(prune) => rmi::prune(prune, engine),
        Image::Pull(pull) => pull::main(pull, engine),
        Image::Push(push) => push::main(push, engine),
        Image::Rm(rmi) => rmi::main(rmi, engine),
        Image::Save(save) => archive::save(save, engine),
        Image::Tag(tag) => tag::main(tag, engine),
    }
}

/// In docker's keys.
pub(super) fn describe(images: &Images<'_>, record: &Record) -> Result<Value> {
    let (manifest, config) = images.documents(record)?;
    let layers: Vec<String> = config.rootfs.diff_ids.iter().map(ToString::to_string).collect();
    let lower: Vec<String> = images.layers(&config).iter().map(|path| path.display().to_string()).collect();
    let Config { architecture, os, variant, created, .. } = &config;
    let comment = |key: &str| {
        let last = config.history.last().and_then(|step| step.rest.get(key));
        last.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    Ok(json!({
        "Id": record.id.to_string(),
        "RepoTags": images.names_of(record)?,
        "RepoDigests": record.origins,
        "Comment": comment("comment"),
        "Created": created,
        "Author": config.rest.get("author").and_then(Value::as_str).unwrap_or_default(),
        "Config": config.config,
        "Architecture": architecture,
        "Variant": variant.clone().unwrap_or_default(),
        "Os": os,
        "Size": record.bytes,
        "GraphDriver": {"Name": "overlay", "Data": {"LowerDir": lower.into_iter().rev().collect::<Vec<_>>().join(":")}},
        "RootFS": {"Type": "layers", "Layers": layers},
        "Descriptor": record.manifest,
        "Platform": Platform { architecture: architecture.clone(), os: os.clone(), variant: variant.clone() },
        "Layers": manifest.layers,
    }))
}
