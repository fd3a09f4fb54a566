//! `conex images`: what is here, in docker's columns.

use clap::Args;

use super::{
    filter::{self, Filter},
    say::say,
    table::table,
    words::{bytes, duration},
};
use crate::{
    Engine, Result,
    image::{Images, Listed},
    registry::Reference,
    state::now_unix_ms,
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
    /// Only those of this name
    #[arg(value_name = "NAME[:TAG]")]
    name: Option<String>,
}

/// One line: an image has one for each of its names.
struct Line {
    repository: String,
    tag: String,
    digest: String,
    id: String,
    created: String,
    size: String,
}

const NONE: &str = "<none>";

pub(super) fn main(arguments: &ImagesArgs, engine: &Engine) -> Result<u8> {
    let images = Images::open(engine)?;
    let mut filters = arguments.filter.iter().map(|text| Filter::parse(text)).collect::<Result<Vec<_>>>()?;
    filters.extend(arguments.name.clone().map(Filter::Reference));
    let listed = filter::apply(&images, images.list()?, &filters)?;
    let lines: Vec<Line> = listed.iter().flat_map(|one| lines(one, arguments)).collect();
    if arguments.quiet {
        let mut ids: Vec<&str> = lines.iter().map(|line| line.id.as_str()).collect();
        ids.dedup();
        ids.into_iter().for_each(say);
        return Ok(0);
    }
    let digest = |text: &str| if arguments.digests { format!("{text}\t") } else { String::new() };
    let head = format!("REPOSITORY\tTAG\t{}IMAGE ID\tCREATED\tSIZE", digest("DIGEST"));
    let row = |line: &Line| {
        let Line { repository, tag, digest: its, id, created, size } = line;
        format!("{repository}\t{tag}\t{}{id}\t{created}\t{size}", digest(its))
    };
    say(&table(&head, &lines.iter().map(row).collect::<Vec<_>>())?);
    Ok(0)
}

fn lines(listed: &Listed, arguments: &ImagesArgs) -> Vec<Line> {
    let record = &listed.record;
    let id = if arguments.no_trunc { record.id.to_string() } else { super::pull::short(&record.id).to_owned() };
    let line = |repository: String, tag: Option<&str>| Line {
        digest: digest_in(listed, &repository).unwrap_or_else(|| NONE.to_owned()),
        repository,
        tag: tag.unwrap_or(NONE).to_owned(),
        id: id.clone(),
        created: created(record.created.as_deref()),
        size: bytes(record.bytes),
    };
    if listed.names.is_empty() {
        let repository = record.origins.iter().next().and_then(|origin| origin.split('@').next());
        return vec![line(repository.unwrap_or(NONE).to_owned(), None)];
    }
    let references = listed.names.iter().filter_map(|name| name.parse::<Reference>().ok());
    references.map(|name| line(name.familiar_name(), name.tag())).collect()
}

/// By which digest a registry knows it.
fn digest_in(listed: &Listed, repository: &str) -> Option<String> {
    listed.record.origins.iter().find_map(|origin| {
        let (name, digest) = origin.split_once('@')?;
        (name == repository).then(|| digest.to_owned())
    })
}

/// How long ago.
pub(super) fn created(text: Option<&str>) -> String {
    let then = text.and_then(|text| text.parse::<jiff::Timestamp>().ok()).map(jiff::Timestamp::as_millisecond);
    match then.and_then(|then| u64::try_from(then).ok()) {
        Some(then) => format!("{} ago", duration(now_unix_ms().saturating_sub(then))),
        None => "N/A".to_owned(),
    }
}
