//! `conex history`: how an image was made, step by step, the last one first.

use clap::Args;
use conex_image::{Config, config::History as Step};
use serde_json::{Value, json};

use super::{
    format::{Format, sizes},
    say::say_all,
    words::{at, short, since},
};
use crate::{Engine, Result, image::Images};

/// Show the history of an image
#[derive(Args, Debug)]
pub(super) struct History {
    /// Times and sizes for people
    #[arg(short = 'H', long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value = "true", value_name = "BOOL", hide_default_value = true)]
    human: bool,
    /// Whole ids and commands
    #[arg(long)]
    no_trunc: bool,
    /// Ids only
    #[arg(short, long)]
    quiet: bool,
    /// A template of Go's: '{{.ID}} {{.CreatedBy}}', 'table …' or json
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// A name, an id, or the beginning of an id
    #[arg(value_name = "IMAGE")]
    image: String,
}

/// What each field is called above its column.
const TITLES: [(&str, &str); 6] = [
    ("ID", "IMAGE"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("CreatedBy", "CREATED BY"),
    ("Size", "SIZE"),
    ("Comment", "COMMENT"),
];
const TABLE: &str = "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";
/// With --human=false.
const EXACT: &str = "table {{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";

/// A step, and what its layer takes.
struct Line<'a> {
    step: &'a Step,
    bytes: u64,
}

/// As many characters as docker shows.
const COMMAND_CHARS: usize = 45;

pub(super) fn main(history: &History, engine: &Engine) -> Result<u8> {
    let format = Format::parse(history.format.as_deref(), if history.human { TABLE } else { EXACT })?;
    let images = Images::open(engine)?;
    let record = images.find(&history.image)?;
    let (_, config) = images.documents(&record)?;
    let id = |last: bool| match (last, history.no_trunc) {
        (false, _) => "<missing>".to_owned(),
        (true, false) => short(&record.id).to_owned(),
        (true, true) => record.id.to_string(),
    };
    let lines = lines(&images, &config)?;
    let ids = (0..lines.len()).map(|index| id(index == 0));
    if history.quiet {
        say_all(&ids.collect::<Vec<_>>());
        return Ok(0);
    }
    let rows = ids.zip(&lines).map(|(id, line)| row(history, &id, line)).collect::<Vec<_>>();
    say_all(&format.render(&TITLES, &rows)?);
    Ok(0)
}

/// The steps, the last first: those that made a layer and the layers are in the same order.
fn lines<'a>(images: &Images<'_>, config: &'a Config) -> Result<Vec<Line<'a>>> {
    let mut layers = images.layers(config).into_iter();
    let mut lines = Vec::new();
    for step in &config.history {
        let layer = if step.empty_layer { None } else { layers.next() };
        let bytes = layer.map_or(Ok(0), |layer| conex_image::size(&layer))?;
        lines.push(Line { step, bytes });
    }
    lines.reverse();
    Ok(lines)
}

fn row(history: &History, id: &str, Line { step, bytes }: &Line<'_>) -> Value {
    let command = step.created_by.as_deref().unwrap_or_default().replace(['\t', '\n'], " ");
    let command = match command.char_indices().nth(COMMAND_CHARS - 1) {
        Some((at, _)) if !history.no_trunc && command.chars().count() > COMMAND_CHARS => format!("{}…", &command[..at]),
        _ => command,
    };
    json!({
        "ID": id,
        "CreatedSince": since(step.created.as_deref()),
        "CreatedAt": at(step.created.as_deref()),
        "CreatedBy": command,
        "Size": if history.human { sizes::decimal(*bytes) } else { bytes.to_string() },
        "Comment": step.rest.get("comment").and_then(Value::as_str).unwrap_or_default(),
    })
}
