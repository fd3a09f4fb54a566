//! Which containers are meant: docker's filters of `ps`. Several of one kind are alternatives, of different kinds all hold.

use std::path::PathBuf;

use regex_lite::Regex;

use super::ps::network;
use crate::{Engine, Entry, Failure, Result, Status, image::Images};

/// One filter.
pub(super) enum PsFilter {
    /// A part of the id, as a regular expression.
    Id(Regex),
    Name(Regex),
    Label(String, Option<String>),
    Exited(u8),
    Status(String),
    /// The layers of an image: it and those that were made of it.
    Ancestor(Vec<PathBuf>),
    Before(u64),
    Since(u64),
    Network(String),
}

const STATUSES: [&str; 7] = ["created", "restarting", "running", "removing", "paused", "exited", "dead"];

impl PsFilter {
    /// From `KEY=VALUE`.
    pub(super) fn parse(text: &str, engine: &Engine) -> Result<Self> {
        let bad = |why: String| {
            Failure::new(format!("{text:?} is no filter: {why}"))
                .with_hint("name=web, status=exited, exited=1, label=KEY[=VALUE], ancestor=IMAGE, before=CONTAINER, …")
        };
        let (key, value) = text.split_once('=').ok_or_else(|| bad("it has no =".into()))?;
        let pattern = || Regex::new(value).map_err(|error| bad(error.to_string()));
        let created =
            || engine.find(value).and_then(|id| Ok(crate::Choices::read(engine.paths(), &id)?.created_unix_ms));
        Ok(match key {
            "id" => Self::Id(pattern()?),
            "name" => Self::Name(pattern()?),
            "label" => match value.split_once('=') {
                Some((key, value)) => Self::Label(key.into(), Some(value.into())),
                None => Self::Label(value.into(), None),
            },
            "exited" => Self::Exited(value.parse().map_err(|_| bad("an exit code is a number up to 255".into()))?),
            "status" if STATUSES.contains(&value) => Self::Status(value.into()),
            "status" => return Err(bad(format!("a status is one of {}", STATUSES.join(", ")))),
            "ancestor" => Self::Ancestor(layers(engine, value)?),
            "before" => Self::Before(created()?),
            "since" => Self::Since(created()?),
            "network" => Self::Network(value.into()),
            _ => return Err(bad("there is none of this name yet".into())),
        })
    }

    /// Whether containers are meant that do not run, although nobody said so.
    pub(super) fn means_all(&self) -> bool {
        matches!(self, Self::Status(_))
    }
}

fn layers(engine: &Engine, word: &str) -> Result<Vec<PathBuf>> {
    let images = Images::open(engine)?;
    let (_, config) = images.documents(&images.find(word)?)?;
    Ok(images.layers(&config))
}

/// Whether a container is meant by all of them.
pub(super) fn pass(filters: &[PsFilter], entry: &Entry) -> bool {
    filters.iter().all(|one| {
        let same = |other: &&PsFilter| std::mem::discriminant(*other) == std::mem::discriminant(one);
        filters.iter().filter(same).any(|other| passes(other, entry))
    })
}

fn passes(filter: &PsFilter, entry: &Entry) -> bool {
    let (choices, state) = (entry.choices.as_ref().ok(), entry.state.as_ref().ok());
    match filter {
        PsFilter::Id(pattern) => pattern.is_match(entry.id.as_str()),
        // Docker's names begin with a slash, and people have learned to say so.
        PsFilter::Name(pattern) => entry
            .name
            .as_ref()
            .is_some_and(|name| pattern.is_match(name.as_str()) || pattern.is_match(&format!("/{}", name.as_str()))),
        PsFilter::Label(key, value) => choices
            .and_then(|choices| choices.labels.get(key))
            .is_some_and(|is| value.as_ref().is_none_or(|value| value == is)),
        PsFilter::Exited(code) => {
            state.is_some_and(|state| state.status == Status::Exited && state.exit_code == Some(*code))
        }
        PsFilter::Status(word) => state.map_or("dead", crate::State::word) == word,
        PsFilter::Ancestor(layers) => choices.is_some_and(|choices| choices.layers.starts_with(layers)),
        PsFilter::Before(created) => choices.is_some_and(|choices| choices.created_unix_ms < *created),
        PsFilter::Since(created) => choices.is_some_and(|choices| choices.created_unix_ms > *created),
        PsFilter::Network(name) => choices.is_some_and(|choices| network(choices) == name),
    }
}
