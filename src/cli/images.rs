//! `conex images`: what is here, in docker's columns.

use clap::Args;
use serde_json::{Value, json};

use super::{
    filter::{self, Filter},
    format::{Format, sizes},
    say::{say, say_all},
    words::{at, short, since},
};
use crate::{
    Engine, Result,
    image::{Images, Listed},
    registry::Reference,
};

/// List images
#[derive(Args, Debug)]
pub(super) struct ImagesArgs {
    /// Also those below others, of which conex keeps none
    #[arg(short, long)]
    all: bool,
    /// Ids only
    #[arg(short, long)]
    quiet: bool,
    /// Also the digests by which registries know them
    #[arg(long)]
    digests: bool,
    /// Whole ids
    #[arg(long)]
    no_trunc: bool,
    /// dangling=true, label=KEY[=VALUE], before=IMAGE, since=IMAGE, reference=PATTERN
    #[arg(short, long, value_name = "FILTER")]
    filter: Vec<String>,
    /// A template of Go's: '{{.ID}} {{.Size}}', 'table …' or json
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Only those of this name
    #[arg(value_name = "NAME[:TAG]")]
    name: Option<String>,
}

/// What each field is called above its column.
const TITLES: [(&str, &str); 8] = [
    ("Repository", "REPOSITORY"),
    ("Tag", "TAG"),
    ("Digest", "DIGEST"),
    ("ID", "IMAGE ID"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("Size", "SIZE"),
    ("Containers", "CONTAINERS"),
];
const TABLE: &str = "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
const WITH_DIGESTS: &str = "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
const NONE: &str = "<none>";

pub(super) fn main(arguments: &ImagesArgs, engine: &Engine) -> Result<u8> {
    let format = Format::parse(arguments.format.as_deref(), if arguments.digests { WITH_DIGESTS } else { TABLE })?;
    let images = Images::open(engine)?;
    let mut filters = arguments.filter.iter().map(|text| Filter::parse(text)).collect::<Result<Vec<_>>>()?;
    filters.extend(arguments.name.clone().map(Filter::Reference));
    let listed = filter::apply(&images, images.list()?, &filters)?;
    if arguments.quiet {
        listed.iter().for_each(|one| say(&id(one, arguments)));
        return Ok(0);
    }
    let rows: Vec<Value> = listed.iter().flat_map(|one| rows(one, arguments)).collect();
    say_all(&format.render(&TITLES, &rows)?);
    Ok(0)
}

fn id(listed: &Listed, arguments: &ImagesArgs) -> String {
    let id = &listed.record.id;
    if arguments.no_trunc { id.to_string() } else { short(id).to_owned() }
}

/// An image has one for each of its names.
fn rows(listed: &Listed, arguments: &ImagesArgs) -> Vec<Value> {
    let record = &listed.record;
    let row = |repository: String, tag: Option<&str>| {
        json!({
            "Digest": digest_in(listed, &repository).unwrap_or_else(|| NONE.to_owned()),
            "Repository": repository,
            "Tag": tag.unwrap_or(NONE),
            "ID": id(listed, arguments),
            "CreatedSince": since(record.created.as_deref()),
            "CreatedAt": at(record.created.as_deref()),
            "Size": sizes::decimal(record.bytes),
            "VirtualSize": sizes::decimal(record.bytes),
            "SharedSize": "N/A",
            "UniqueSize": "N/A",
            "Containers": "N/A",
        })
    };
    if listed.names.is_empty() {
        let repository = record.origins.iter().next().and_then(|origin| origin.split('@').next());
        return vec![row(repository.unwrap_or(NONE).to_owned(), None)];
    }
    let references = listed.names.iter().filter_map(|name| name.parse::<Reference>().ok());
    references.map(|name| row(name.familiar_name(), name.tag())).collect()
}

/// By which digest a registry knows it.
fn digest_in(listed: &Listed, repository: &str) -> Option<String> {
    listed.record.origins.iter().find_map(|origin| {
        let (name, digest) = origin.split_once('@')?;
        (name == repository).then(|| digest.to_owned())
    })
}
