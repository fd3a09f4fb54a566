//! Which images are meant: docker's filters of `images`. Several of one kind are alternatives, of different kinds all hold.

use crate::{
    Failure, Result,
    image::{Images, Listed},
    registry::Reference,
};

/// One filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Dangling(bool),
    Label(String, Option<String>),
    Before(String),
    Since(String),
    /// `NAME[:TAG]`, with `*` for anything but a slash.
    Reference(String),
}

impl Filter {
    /// From `KEY=VALUE`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let bad = |why: &str| {
            Failure::new(format!("{text:?} is no filter: {why}"))
                .with_hint("dangling=true, label=KEY[=VALUE], before=IMAGE, since=IMAGE, reference=PATTERN")
        };
        let (key, value) = text.split_once('=').ok_or_else(|| bad("it has no ="))?;
        match key {
            "dangling" => match value {
                "true" | "1" => Ok(Self::Dangling(true)),
                "false" | "0" => Ok(Self::Dangling(false)),
                _ => Err(bad("it is neither true nor false")),
            },
            "label" => match value.split_once('=') {
                Some((key, value)) => Ok(Self::Label(key.into(), Some(value.into()))),
                None => Ok(Self::Label(value.into(), None)),
            },
            "before" => Ok(Self::Before(value.into())),
            "since" => Ok(Self::Since(value.into())),
            "reference" => Ok(Self::Reference(value.into())),
            _ => Err(bad("there is none of this name")),
        }
    }
}

/// Those that pass.
pub(super) fn apply(images: &Images<'_>, listed: Vec<Listed>, filters: &[Filter]) -> Result<Vec<Listed>> {
    let patterns: Vec<&str> = filters
        .iter()
        .filter_map(|filter| match filter {
            Filter::Reference(pattern) => Some(pattern.as_str()),
            _ => None,
        })
        .collect();
    let mut passed = Vec::new();
    for mut one in listed {
        if !patterns.is_empty() {
            one.names.retain(|name| patterns.iter().any(|pattern| is_named(name, pattern)));
            if one.names.is_empty() {
                continue;
            }
        }
        if filters
            .iter()
            .map(|filter| passes(images, &one, filter))
            .collect::<Result<Vec<_>>>()?
            .iter()
            .all(|passes| *passes)
        {
            passed.push(one);
        }
    }
    Ok(passed)
}

fn passes(images: &Images<'_>, one: &Listed, filter: &Filter) -> Result<bool> {
    let created = |word: &String| images.find(word).map(|record| record.created);
    Ok(match filter {
        Filter::Dangling(dangling) => one.names.is_empty() == *dangling,
        Filter::Label(key, value) => {
            let (_, config) = images.documents(&one.record)?;
            config.config.labels.get(key).is_some_and(|is| value.as_ref().is_none_or(|value| value == is))
        }
        Filter::Before(word) => one.record.created < created(word)?,
        Filter::Since(word) => one.record.created > created(word)?,
        Filter::Reference(_) => true,
    })
}

/// A pattern without a tag means all tags; one without a registry's host the end of the name.
fn is_named(name: &str, pattern: &str) -> bool {
    let Ok(name) = name.parse::<Reference>() else { return false };
    let whole = name.familiar_name();
    matches(pattern, &whole) || matches(pattern, &name.to_string())
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            let within = rest.find('/').unwrap_or(rest.len());
            (0..=within).filter(|at| rest.is_char_boundary(*at)).any(|at| matches(after, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_anything_but_a_slash() {
        assert!(matches("deb*", "debian") && matches("*/x", "a/x") && matches("a*b*c", "aXbYc") && matches("*", "x"));
        assert!(!matches("*", "a/b") && !matches("deb", "debian") && !matches("*x", "xy"));
        assert!(is_named("debian:12", "debian") && is_named("debian:12", "debian:1*") && !is_named("debian:12", "deb"));
    }

    #[test]
    fn filters_are_parsed_or_refused() {
        assert_eq!(Filter::parse("label=a=b").expect("one"), Filter::Label("a".into(), Some("b".into())));
        assert_eq!(Filter::parse("dangling=true").expect("one"), Filter::Dangling(true));
        for bad in ["dangling", "dangling=maybe", "colour=red"] {
            assert!(Filter::parse(bad).is_err(), "{bad}");
        }
    }
}
