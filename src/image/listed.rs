//! Images as `images` shows them.

use super::{Images, names, record::Record};
use crate::failure::Result;

/// An image, and its names.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) record: Record,
    /// With their tags, in order; an image without one dangles.
    pub(crate) names: Vec<String>,
}

impl Images<'_> {
    /// All images, the newest first.
    pub(crate) fn list(&self) -> Result<Vec<Listed>> {
        let names = names::all(self.paths)?;
        let mut all: Vec<Listed> = Record::all(self.paths)?
            .into_iter()
            .map(|record| {
                let its = names.iter().filter(|(_, id)| **id == record.id).map(|(name, _)| name.clone());
                Listed { names: its.collect(), record }
            })
            .collect();
        // RFC 3339 in UTC, as tools write it, is in order as a text.
        all.sort_by(|one, other| other.record.created.cmp(&one.record.created).then(one.names.cmp(&other.names)));
        Ok(all)
    }

    /// The names of one.
    pub(crate) fn names_of(&self, record: &Record) -> Result<Vec<String>> {
        let its = |(name, id): (String, _)| (id == record.id).then_some(name);
        Ok(names::all(self.paths)?.into_iter().filter_map(its).collect())
    }
}
