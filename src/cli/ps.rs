//! `conex ps`: containers as a table, in docker's columns.

use clap::Args;
use serde_json::{Value, json};

use super::{
    format::{Format, sizes},
    ps_filter::{self, PsFilter},
    room::Room,
    say::say_all,
    words::{date, duration},
};
use crate::{Choices, Engine, Entry, Network, Result, State, Status, state::now_unix_ms};

/// List containers
#[derive(Args, Debug)]
pub(super) struct Ps {
    /// Also those that do not run
    #[arg(short, long)]
    all: bool,
    /// Ids only
    #[arg(short, long)]
    quiet: bool,
    /// Only the newest N, running or not
    #[arg(short = 'n', long, value_name = "N", allow_negative_numbers = true)]
    last: Option<i64>,
    /// Only the newest, running or not
    #[arg(short, long)]
    latest: bool,
    /// Also how much room they take
    #[arg(short, long)]
    size: bool,
    /// id=, name=, label=, exited=, status=, ancestor=, before=, since=, network=
    #[arg(short, long, value_name = "FILTER")]
    filter: Vec<String>,
    /// Whole ids and commands
    #[arg(long)]
    no_trunc: bool,
    /// A template of Go's: '{{.ID}} {{.Names}}', 'table …' or json
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
}

/// What each field is called above its column.
const TITLES: [(&str, &str); 13] = [
    ("ID", "CONTAINER ID"),
    ("Image", "IMAGE"),
    ("Command", "COMMAND"),
    ("RunningFor", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("Status", "STATUS"),
    ("Ports", "PORTS"),
    ("Names", "NAMES"),
    ("Labels", "LABELS"),
    ("State", "STATE"),
    ("Size", "SIZE"),
    ("Mounts", "MOUNTS"),
    ("Networks", "NETWORKS"),
];
const TABLE: &str = "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";

const WITH_SIZE: &str =
    "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}\t{{.Size}}";

pub(super) fn main(ps: &Ps, engine: &Engine) -> Result<u8> {
    let format = Format::parse(ps.format.as_deref(), if ps.size { WITH_SIZE } else { TABLE })?;
    let filters = ps.filter.iter().map(|text| PsFilter::parse(text, engine)).collect::<Result<Vec<_>>>()?;
    let newest = if ps.latest { Some(1) } else { ps.last.and_then(|count| usize::try_from(count).ok()) };
    let all = ps.all || newest.is_some() || filters.iter().any(PsFilter::means_all);
    let shown = |entry: &Entry| all || matches!(&entry.state, Ok(State { status: Status::Running, .. }));
    let meant = engine.list()?.into_iter().filter(|entry| shown(entry) && ps_filter::pass(&filters, entry));
    let entries: Vec<Entry> = meant.take(newest.unwrap_or(usize::MAX)).collect();
    if ps.quiet {
        say_all(&entries.iter().map(|entry| id(entry, ps)).collect::<Vec<_>>());
        return Ok(0);
    }
    let now = now_unix_ms();
    let mut rows: Vec<Value> = entries.iter().map(|entry| row(entry, ps, now)).collect();
    if ps.size || ps.format.as_deref().is_some_and(|text| text.contains(".Size")) {
        rows.iter_mut().zip(&entries).for_each(|(row, entry)| row["Size"] = size(engine, entry).into());
    }
    say_all(&format.render(&TITLES, &rows)?);
    Ok(0)
}

fn id<'a>(entry: &'a Entry, ps: &Ps) -> &'a str {
    if ps.no_trunc { entry.id.as_str() } else { entry.id.short() }
}

fn row(entry: &Entry, ps: &Ps, now: u64) -> Value {
    let name = entry.name.as_ref().map_or("", |name| name.as_str());
    let mut row = json!({
        "ID": id(entry, ps), "Image": "", "Command": "", "RunningFor": "", "CreatedAt": "", "Status": "Broken",
        "State": "dead", "Ports": "", "Names": name, "Labels": "", "Mounts": "", "Networks": "", "LocalVolumes": "0",
        "Size": "0B",
    });
    // Of one whose record can't be read, its name is still good for rm.
    if let (Ok(choices), Some(fields)) = (&entry.choices, row.as_object_mut()) {
        let labels: Vec<String> = choices.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let since = duration(now.saturating_sub(choices.created_unix_ms));
        let created = jiff::Timestamp::from_millisecond(i64::try_from(choices.created_unix_ms).unwrap_or(0));
        let known = [
            ("Image", image(choices)),
            ("Command", command(choices, ps)),
            ("RunningFor", format!("{since} ago")),
            ("CreatedAt", created.map(date).unwrap_or_default()),
            ("Status", status(entry, now)),
            ("State", entry.state.as_ref().map_or("dead", State::word).to_owned()),
            ("Labels", labels.join(",")),
            ("Networks", network(choices).to_owned()),
        ];
        fields.extend(known.map(|(field, text)| (field.to_owned(), text.into())));
    }
    row
}

/// The name of a container's network.
pub(super) fn network(choices: &Choices) -> &'static str {
    if choices.network == Network::Host { "host" } else { "none" }
}

/// What it wrote, and all that it sees. One that can't be measured takes nobody's list away.
fn size(engine: &Engine, entry: &Entry) -> String {
    let room = entry.choices.clone().and_then(|choices| Room::of(engine.paths(), &choices));
    room.map_or_else(
        |_| "?".to_owned(),
        |room| format!("{} (virtual {})", sizes::decimal(room.own_bytes), sizes::decimal(room.whole_bytes)),
    )
}

fn image(choices: &Choices) -> String {
    let root = || choices.rootfs.as_ref().or(choices.layers.first()).map(|path| path.display().to_string());
    choices.image.clone().or_else(root).unwrap_or_default()
}

/// As many characters as docker shows.
const COMMAND_CHARS: usize = 20;

fn command(choices: &Choices, ps: &Ps) -> String {
    let whole: String = choices.arguments.join(" ").chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if ps.no_trunc || whole.chars().count() <= COMMAND_CHARS {
        return format!("\"{whole}\"");
    }
    let cut: String = whole.chars().take(COMMAND_CHARS - 1).collect();
    format!("\"{cut}…\"")
}

fn status(entry: &Entry, now: u64) -> String {
    let Ok(state) = &entry.state else { return "Broken".to_owned() };
    let since = |ms: Option<u64>| ms.map_or_else(String::new, |ms| duration(now.saturating_sub(ms)));
    match state.status {
        Status::Created | Status::Starting => "Created".to_owned(),
        Status::Running if state.paused => format!("Up {} (Paused)", since(state.started_unix_ms)),
        Status::Running => format!("Up {}", since(state.started_unix_ms)),
        Status::Removing => "Removal In Progress".to_owned(),
        Status::Exited => {
            let code = state.exit_code.unwrap_or_default();
            let ago = since(state.finished_unix_ms);
            if ago.is_empty() { format!("Exited ({code})") } else { format!("Exited ({code}) {ago} ago") }
        }
    }
}
