//! Which of what nobody needs is taken away: docker's filters of `prune`. All of them hold.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::moment;
use crate::{Failure, Result};

/// One filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PruneFilter {
    /// Made before that.
    Until(Timestamp),
    /// With such a label, or without it.
    Label { key: String, value: Option<String>, is_there: bool },
}

impl PruneFilter {
    /// From `until=TIME`, `label=KEY[=VALUE]` or `label!=KEY[=VALUE]`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let label = |rest: &str, is_there| match rest.split_once('=') {
            Some((key, value)) => Self::Label { key: key.into(), value: Some(value.into()), is_there },
            None => Self::Label { key: rest.into(), value: None, is_there },
        };
        if let Some(rest) = text.strip_prefix("label!=") {
            return Ok(label(rest, false));
        }
        match text.split_once('=') {
            Some(("until", time)) => moment::parse(time).map(Self::Until),
            Some(("label", rest)) => Ok(label(rest, true)),
            _ => Err(Failure::new(format!("{text:?} is no filter of prune"))
                .with_hint("until=24h, label=KEY[=VALUE], label!=KEY[=VALUE]")),
        }
    }

    /// Whether something passes that was made then and has these labels; when it was made may be unknown.
    pub(super) fn passes(&self, made: Option<Timestamp>, labels: &BTreeMap<String, String>) -> bool {
        match self {
            Self::Until(time) => made.is_some_and(|made| made < *time),
            Self::Label { key, value, is_there } => {
                let has = labels.get(key).is_some_and(|its| value.as_ref().is_none_or(|value| its == value));
                has == *is_there
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_ages_decide() {
        let labels = BTreeMap::from([("keep".to_owned(), "yes".to_owned())]);
        let made = Some(Timestamp::from_second(1_000_000_000).expect("a time"));
        let passes = |text: &str| PruneFilter::parse(text).expect("a filter").passes(made, &labels);
        for text in ["until=1h", "until=2020-01-01", "label=keep", "label=keep=yes", "label!=other", "label!=keep=no"] {
            assert!(passes(text), "{text}");
        }
        for text in ["until=2001-01-01", "label=other", "label=keep=no", "label!=keep", "label!=keep=yes"] {
            assert!(!passes(text), "{text}");
        }
        assert!(!PruneFilter::parse("until=1h").expect("a filter").passes(None, &labels), "nobody knows its age");
        for bad in ["", "until", "until=x", "name=x", "label"] {
            assert!(PruneFilter::parse(bad).is_err(), "{bad}");
        }
    }
}
