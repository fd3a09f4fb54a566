//! Which devices the processes of a container may open, and which they may make. Everything that no rule allows is
//! refused, whatever a process's rights. See the kernel's cgroup-v1/devices.rst.

use std::fmt;

use conex_kernel::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::{NAME, setting::Setting};

/// Kinds of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// Both.
    All,
    /// Streams of bytes, such as terminals.
    Character,
    /// Disks.
    Block,
}

/// Devices that are allowed, and what may be done with them. Written as the kernel writes it: `c 1:3 rwm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRule {
    /// Of which kind.
    pub kind: DeviceKind,
    /// `None` is any.
    pub major: Option<u32>,
    /// `None` is any.
    pub minor: Option<u32>,
    /// Whether they may be opened for reading.
    pub read: bool,
    /// Whether they may be opened for writing.
    pub write: bool,
    /// Whether nodes of them may be made.
    pub mknod: bool,
}

/// Making a node harms nobody; what is opened counts. Numbers are those of the kernel's admin-guide/devices.txt: null,
/// zero, full, random, urandom, tty, console, ptmx, and pseudo-terminals.
const USUAL: [&str; 11] = [
    "c *:* m",
    "b *:* m",
    "c 1:3 rwm",
    "c 1:5 rwm",
    "c 1:7 rwm",
    "c 1:8 rwm",
    "c 1:9 rwm",
    "c 5:0 rwm",
    "c 5:1 rwm",
    "c 5:2 rwm",
    "c 136:* rwm",
];

impl DeviceRule {
    /// What every container may: docker's list.
    pub fn usual() -> Vec<Self> {
        USUAL.iter().filter_map(|rule| Self::read(rule)).collect()
    }

    /// From `KIND MAJOR:MINOR ACCESS`: `c 1:3 rwm`, `b 8:* r`.
    pub fn parse(text: &str) -> Result<Self> {
        Self::read(text).ok_or_else(|| {
            Error::refused(NAME, format!("read device rule {text:?}"), "it is not KIND MAJOR:MINOR ACCESS").with_hint(
                "such as \"c 1:3 rwm\": kinds are a, b and c, a number may be *, access is any of r, w and m",
            )
        })
    }

    fn read(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        let &[kind, numbers, access] = words.as_slice() else { return None };
        let (major, minor) = numbers.split_once(':')?;
        let number = |text: &str| if text == "*" { Some(None) } else { text.parse().ok().map(Some) };
        let rule = Self {
            kind: match kind {
                "a" => DeviceKind::All,
                "b" => DeviceKind::Block,
                "c" => DeviceKind::Character,
                _ => return None,
            },
            major: number(major)?,
            minor: number(minor)?,
            ..Self::none().with_access(access)?
        };
        Some(rule)
    }

    fn none() -> Self {
        Self { kind: DeviceKind::All, major: None, minor: None, read: false, write: false, mknod: false }
    }

    /// The same devices with the access that is written as any of `r`, `w` and `m`; `None` for other letters or none.
    pub fn with_access(self, access: &str) -> Option<Self> {
        let known = !access.is_empty() && access.chars().all(|letter| "rwm".contains(letter));
        let has = |letter| access.contains(letter);
        known.then_some(Self { read: has('r'), write: has('w'), mknod: has('m'), ..self })
    }
}

impl fmt::Display for DeviceRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |number: Option<u32>| number.map_or("*".to_owned(), |number| number.to_string());
        let kind = match self.kind {
            DeviceKind::All => 'a',
            DeviceKind::Block => 'b',
            DeviceKind::Character => 'c',
        };
        let access = [(self.read, 'r'), (self.write, 'w'), (self.mknod, 'm')];
        let access: String = access.iter().filter(|(has, _)| *has).map(|(_, letter)| *letter).collect();
        write!(f, "{kind} {}:{} {access}", number(self.major), number(self.minor))
    }
}

/// v1's lines: nothing at first, then what is allowed. A rule for both kinds is two lines: of one that begins with `a` the
/// kernel reads no further, and allows everything.
pub(crate) fn settings(rules: &[DeviceRule]) -> Vec<Setting> {
    let nothing = Setting::new("devices.deny", "a *:* rwm");
    let of_one_kind = |rule: &DeviceRule| match rule.kind {
        DeviceKind::All => vec![DeviceKind::Character, DeviceKind::Block],
        kind => vec![kind],
    };
    let lines = rules.iter().flat_map(|rule| of_one_kind(rule).into_iter().map(|kind| DeviceRule { kind, ..*rule }));
    std::iter::once(nothing).chain(lines.map(|rule| Setting::new("devices.allow", rule))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_v1_allows_everything() {
        let rule = DeviceRule::parse("a 1:3 r").expect("a rule");
        let lines: Vec<String> = settings(&[rule]).into_iter().map(|line| line.value).collect();
        assert_eq!(lines, ["a *:* rwm", "c 1:3 r", "b 1:3 r"]);
    }

    #[test]
    fn a_rule_is_written_as_it_was_read() {
        assert_eq!(DeviceRule::usual().iter().map(ToString::to_string).collect::<Vec<_>>(), USUAL);
        for bad in ["", "c 1:3", "x 1:3 rwm", "c 1 rwm", "c 1:3 x", "c 1:3 ", "c -1:3 r", "c 1:3 rwm more", "c  1:3 r"]
        {
            assert!(DeviceRule::parse(bad).is_err(), "{bad:?} was taken");
        }
    }
}
