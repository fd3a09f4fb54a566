//! Taking images away: a name goes at once, the image with its last name, and what no other image and no container needs
//! with it.

use conex_image::{Config, Digest};

use super::{Images, record::Record};
use crate::{
    engine::Entry,
    failure::{Failure, Result},
    registry::Reference,
    state::{State, Status},
};

/// What was taken away, in docker's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Removed {
    Untagged(String),
    Deleted(Digest),
}

/// How sure the user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sure {
    /// Refuse what a container or another name still needs.
    No,
    /// Only what runs keeps its image.
    Yes,
}

impl Images<'_> {
    /// Takes the image away that a word means, or that name of it.
    pub(crate) fn remove(&self, word: &str, sure: Sure) -> Result<Vec<Removed>> {
        let Some(record) = self.find_here(word)? else { return Err(self.unknown(word)?) };
        let names = self.names_of(&record)?;
        let by_name = word.parse::<Reference>().ok().map(|name| name.to_string()).filter(|name| names.contains(name));
        let containers = self.engine.list()?;
        let users: Vec<&Entry> = containers.iter().filter(|entry| uses(entry, &record)).collect();
        if let Some(name) = &by_name
            && (names.len() > 1 || !users.is_empty())
        {
            if names.len() == 1 && sure == Sure::No {
                return Err(used(word, users[0]));
            }
            // The image stays: it has other names, or is needed.
            self.unname(std::slice::from_ref(name))?;
            return Ok(vec![Removed::Untagged(name.clone())]);
        }
        if let Some(user) = users.iter().find(|user| is_running(user)).or(users.first().filter(|_| sure == Sure::No)) {
            return Err(used(word, user));
        }
        if by_name.is_none() && names.len() > 1 && sure == Sure::No {
            let message = format!("image {word} has {} names: {}", names.len(), names.join(", "));
            return Err(Failure::new(message).with_hint(format!("take all of them away: conex rmi -f {word}")));
        }
        self.forget(&record, &names)
    }

    /// Takes an image's names and its record away; its content is swept later.
    fn forget(&self, record: &Record, names: &[String]) -> Result<Vec<Removed>> {
        self.unname(names)?;
        record.remove(self.paths)?;
        let origins = record.origins.iter().filter(|_| !names.is_empty());
        let untagged = names.iter().chain(origins).cloned().map(Removed::Untagged);
        Ok(untagged.chain([Removed::Deleted(record.id.clone())]).collect())
    }

    /// Takes names and records away of what nobody uses.
    pub(super) fn forget_unused(
        &self,
        which: Unused,
        wanted: impl Fn(&Record, &Config) -> bool,
    ) -> Result<Vec<Removed>> {
        let containers = self.engine.list()?;
        let mut removed = Vec::new();
        for listed in self.list()? {
            let candidate = which == Unused::All || listed.names.is_empty();
            let wanted = candidate && wanted(&listed.record, &self.documents(&listed.record)?.1);
            if wanted && !containers.iter().any(|entry| uses(entry, &listed.record)) {
                removed.extend(self.forget(&listed.record, &listed.names)?);
            }
        }
        Ok(removed)
    }
}

/// Which images `prune` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unused {
    /// Those that have no name.
    Nameless,
    /// All.
    All,
}

/// Whether a container, dead or alive, has an image.
fn uses(entry: &Entry, record: &Record) -> bool {
    let id = record.id.to_string();
    entry.choices.as_ref().is_ok_and(|choices| choices.image_id.as_ref() == Some(&id))
}

fn is_running(entry: &Entry) -> bool {
    matches!(&entry.state, Ok(State { status: Status::Running | Status::Starting, .. }))
}

fn used(word: &str, user: &Entry) -> Failure {
    let id = user.id.short();
    let (state, hint) = match is_running(user) {
        true => ("running", format!("remove the container first: conex rm -f {id}")),
        false => ("stopped", format!("remove the container first: conex rm {id}; or force it: conex rmi -f {word}")),
    };
    Failure::new(format!("image {word} is used by the {state} container {id}")).with_hint(hint)
}
