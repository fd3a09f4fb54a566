//! `conex ps`: containers as a table, in docker's columns.

use clap::Args;

use super::{say::say, table::table, words::duration};
use crate::{Choices, Engine, Entry, Result, State, Status, state::now_unix_ms};

/// List containers
#[derive(Args, Debug)]
pub(super) struct Ps {
    /// Also those that do not run
    #[arg(short, long)]
    all: bool,
    /// Ids only
    #[arg(short, long)]
    quiet: bool,
    /// Whole ids and commands
    #[arg(long)]
    no_trunc: bool,
}

const HEAD: &str = "CONTAINER ID\tIMAGE\tCOMMAND\tCREATED\tSTATUS\tPORTS\tNAMES";

pub(super) fn main(ps: &Ps, engine: &Engine) -> Result<u8> {
    let shown = |entry: &Entry| ps.all || matches!(&entry.state, Ok(State { status: Status::Running, .. }));
    let entries: Vec<Entry> = engine.list()?.into_iter().filter(shown).collect();
    if ps.quiet {
        entries.iter().for_each(|entry| say(id(entry, ps)));
        return Ok(0);
    }
    let now = now_unix_ms();
    let rows: Vec<String> = entries.iter().map(|entry| row(entry, ps, now)).collect();
    say(&table(HEAD, &rows)?);
    Ok(0)
}

fn id<'a>(entry: &'a Entry, ps: &Ps) -> &'a str {
    if ps.no_trunc { entry.id.as_str() } else { entry.id.short() }
}

fn row(entry: &Entry, ps: &Ps, now: u64) -> String {
    let name = entry.name.as_ref().map_or("", |name| name.as_str());
    let Ok(choices) = &entry.choices else {
        // Its name is still good for rm.
        return format!("{}\t\t\t\tBroken\t\t{name}", id(entry, ps));
    };
    let created = duration(now.saturating_sub(choices.created_unix_ms));
    let (image, command, status) = (image(choices), command(choices, ps), status(entry, now));
    format!("{}\t{image}\t{command}\t{created} ago\t{status}\t\t{name}", id(entry, ps))
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
        Status::Running => format!("Up {}", since(state.started_unix_ms)),
        Status::Removing => "Removal In Progress".to_owned(),
        Status::Exited => {
            let code = state.exit_code.unwrap_or_default();
            let ago = since(state.finished_unix_ms);
            if ago.is_empty() { format!("Exited ({code})") } else { format!("Exited ({code}) {ago} ago") }
        }
    }
}
