//! The image that a word means, in docker's order: a whole id, a name, the beginning of one id alone.

use conex_image::Digest;

use super::{Images, STARTER, names, record, record::Record, starter};
use crate::{
    failure::{Failure, Result},
    registry::Reference,
};

impl Images<'_> {
    /// The image that a word means; the one that needs no network is made when it is first asked for.
    pub(crate) fn find(&self, word: &str) -> Result<Record> {
        if let Some(record) = self.find_here(word)? {
            return Ok(record);
        }
        if is_starter(word) {
            return starter::make(self);
        }
        Err(self.unknown(word)?)
    }

    /// The same, if it is here already.
    pub(crate) fn find_here(&self, word: &str) -> Result<Option<Record>> {
        if let Some(id) = whole_id(word) {
            return self.record(&id);
        }
        if let Ok(reference) = word.parse::<Reference>()
            && let Some(record) = self.named(&reference)?
        {
            return Ok(Some(record));
        }
        let beginning = word.strip_prefix("sha256:").unwrap_or(word);
        if beginning.is_empty() || !beginning.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(None);
        }
        let mut found = record::hexes(self.paths)?;
        found.retain(|hex| hex.starts_with(beginning));
        match found.as_slice() {
            [] => Ok(None),
            [hex] => Record::read(self.paths, hex),
            _ => Err(Failure::new(format!("more than one image's id begins with {word:?}"))),
        }
    }

    fn named(&self, reference: &Reference) -> Result<Option<Record>> {
        if let Some(digest) = reference.digest() {
            // Whatever its tag says: the digest decides.
            let origin = format!("{}@{digest}", reference.familiar_name());
            return Ok(Record::all(self.paths)?.into_iter().find(|record| record.origins.contains(&origin)));
        }
        names::holder(self.paths, reference)?.map_or(Ok(None), |id| self.record(&id))
    }

    /// The image that a word may have been meant as.
    pub(crate) fn similar(&self, word: &str) -> Result<Option<String>> {
        Ok(similar(word, &self.known()?).cloned())
    }

    /// All names as users write them.
    fn known(&self) -> Result<Vec<String>> {
        let mut known: Vec<String> = names::all(self.paths)?.into_keys().collect();
        known.iter_mut().for_each(|name| *name = name.strip_suffix(":latest").unwrap_or(name).to_owned());
        if !known.iter().any(|name| name == STARTER) {
            known.push(STARTER.to_owned());
        }
        Ok(known)
    }

    /// Says what is here instead.
    pub(crate) fn unknown(&self, word: &str) -> Result<Failure> {
        let known = self.known()?;
        let failure = Failure::new(format!("there is no image {word}"));
        Ok(match similar(word, &known) {
            Some(near) => failure.with_hint(format!("did you mean {near}?")),
            None => failure.with_hint(format!("conex images lists what is here; conex pull {word} asks a registry")),
        })
    }
}

/// The known name that a word may have been meant as.
fn similar<'a>(word: &str, known: &'a [String]) -> Option<&'a String> {
    let distance = |known: &&String| strsim::damerau_levenshtein(known, word);
    known.iter().min_by_key(distance).filter(|known| distance(known) <= 1 + word.len() / 4)
}

/// Whether a word means the image that is made when it is asked for.
pub(crate) fn is_starter(word: &str) -> bool {
    word.strip_suffix(":latest").unwrap_or(word) == STARTER
}

fn whole_id(word: &str) -> Option<Digest> {
    let digits = word.strip_prefix("sha256:").unwrap_or(word);
    format!("sha256:{digits}").parse().ok()
}
