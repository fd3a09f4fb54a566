//! Names of containers: their grammar, their claims, and those that conex makes up.

use std::{fmt, fs, io, os::unix::fs::symlink};

use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    rand::{GetRandomFlags, getrandom},
};

use crate::{
    failure::{Failure, Result},
    namespaces::ContainerId,
    paths::Paths,
};

/// A valid name: having one proves the grammar, so it is safe in a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// Two characters at least: a letter or digit, then letters, digits, `_`, `.` and `-`.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.strip_prefix('/').unwrap_or(text);
        let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        let valid = match text.as_bytes() {
            [first, others @ ..] => {
                first.is_ascii_alphanumeric() && !others.is_empty() && others.iter().all(|b| rest(*b))
            }
            [] => false,
        };
        if valid {
            return Ok(Self(text.to_owned()));
        }
        let hint = "a name has two characters or more: a letter or digit, then letters, digits, _ . -";
        Err(Failure::new(format!("{text:?} can't be a name")).with_hint(hint))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes this name for `id`, or tells who has it.
    pub(crate) fn claim(&self, paths: &Paths, id: &ContainerId) -> Result<()> {
        // A link is there with its content or not at all: nobody ever sees a name without its holder.
        self.take(paths, || symlink(id.as_str(), paths.name(&self.0)))
    }

    /// Takes this name for the container that has the name `old`: at no time it has both, or none.
    pub(crate) fn replace(&self, old: &Self, paths: &Paths) -> Result<()> {
        let (from, to) = (paths.name(&old.0), paths.name(&self.0));
        self.take(paths, || Ok(renameat_with(CWD, &from, CWD, &to, RenameFlags::NOREPLACE)?))
    }

    fn take(&self, paths: &Paths, take: impl Fn() -> io::Result<()>) -> Result<()> {
        match take() {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let holder = holder(paths, &self.0);
                if holder.as_ref().is_some_and(|id| !paths.container(id).exists() && !paths.run(id).exists()) {
                    // The machine stopped between the claim and what it was for.
                    crate::files::remove(&paths.name(&self.0))?;
                    return self.take(paths, take);
                }
                let whose = holder.map_or("another container".into(), |id| format!("container {}", id.short()));
                let hint = format!("conex rm {self}, or choose another name");
                Err(Failure::new(format!("the name {self} is taken by {whose}")).with_hint(hint))
            }
            Err(error) => Err(Failure::io(format_args!("claim the name {self}"), &error)),
        }
    }

    /// A claimed name of our own making: `adjective_noun`, with a digit where that is taken.
    pub(crate) fn claim_any(paths: &Paths, id: &ContainerId) -> Result<Self> {
        for attempt in 0..ATTEMPTS {
            let name = Self(made_up(attempt > 0)?);
            if name.claim(paths, id).is_ok() {
                return Ok(name);
            }
        }
        let name = Self(id.short().to_owned());
        name.claim(paths, id).map(|()| name)
    }

    /// Gives the name free, if it is still this container's.
    pub(crate) fn release(&self, paths: &Paths, id: &ContainerId) -> Result<()> {
        match holder(paths, &self.0) {
            Some(holder) if holder == *id => crate::files::remove(&paths.name(&self.0)),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The container that has a name.
pub(crate) fn holder(paths: &Paths, name: &str) -> Option<ContainerId> {
    ContainerId::parse(fs::read_link(paths.name(name)).ok()?.to_str()?).ok()
}

/// The name of a container. Its link is what counts: the record says which name it had when that was written.
pub(crate) fn of(paths: &Paths, id: &ContainerId, recorded: Option<&str>) -> Option<Name> {
    let recorded = recorded.and_then(|text| Name::parse(text).ok());
    recorded.filter(|name| holder(paths, name.as_str()).as_ref() == Some(id)).or_else(|| name_of(paths, id))
}

/// The same, looked for among all.
fn name_of(paths: &Paths, id: &ContainerId) -> Option<Name> {
    let entries = fs::read_dir(paths.names()).ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| Name::parse(&name).ok()).find(|name| holder(paths, name.as_str()).as_ref() == Some(id))
}

/// Docker's number of attempts, after which the short id must do.
const ATTEMPTS: u32 = 6;

const MANNERS: [&str; 48] = [
    "able", "amber", "ample", "azure", "brave", "brisk", "calm", "clear", "clever", "coral", "cosy", "crisp", "daring",
    "deft", "eager", "early", "fair", "fleet", "fond", "frank", "gentle", "glad", "golden", "grand", "hardy", "honest",
    "jolly", "keen", "kind", "lively", "loyal", "lucid", "merry", "mild", "noble", "patient", "plain", "proud",
    "quick", "quiet", "ready", "sharp", "steady", "sturdy", "sunny", "swift", "tidy", "warm",
];

const THINGS: [&str; 48] = [
    "anchor", "barge", "beacon", "birch", "bobbin", "brook", "cabin", "candle", "cargo", "cedar", "cello", "clover",
    "comet", "compass", "cove", "crane", "delta", "ember", "falcon", "fern", "ferry", "finch", "gable", "glacier",
    "harbour", "hazel", "heron", "island", "kettle", "lantern", "lark", "ledger", "loom", "maple", "meadow", "mill",
    "otter", "pebble", "pier", "quay", "quill", "reef", "river", "robin", "sail", "thistle", "valley", "willow",
];

fn made_up(with_digit: bool) -> Result<String> {
    let mut random = [0_u8; 3];
    getrandom(&mut random, GetRandomFlags::empty()).map_err(|errno| Failure::io("getrandom", &errno.into()))?;
    let [manner, thing, digit] = random.map(usize::from);
    let digit = if with_digit { (digit % 10).to_string() } else { String::new() };
    Ok(format!("{}_{}{digit}", MANNERS[manner % MANNERS.len()], THINGS[thing % THINGS.len()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_docker_s_grammar() {
        for good in ["ab", "a.b", "0-x", "A_1", "/web"] {
            assert!(Name::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "/", "-ab", ".ab", "_ab", "a/b", "../x", "a b", "ä1", "a\n"] {
            assert!(Name::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn made_up_names_are_names() {
        for with_digit in [false, true] {
            let name = made_up(with_digit).expect("random numbers");
            assert!(Name::parse(&name).is_ok() && name.contains('_'), "{name}");
        }
    }
}
