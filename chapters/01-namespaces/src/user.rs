//! Who a container's process shall be, as the user writes it: `name`, `uid`, `name:group`, `uid:gid`.

use conex_kernel::{Error, Result};

use crate::NAME;

/// A user or a group, by name or by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// As the container counts.
    Id(u32),
    /// To be found in the container's files.
    Name(String),
}

/// `USER[:GROUP]`, looked up in the container's own files once they are `/etc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub(crate) user: Who,
    pub(crate) group: Option<Who>,
    pub(crate) additional: Vec<Who>,
}

/// The largest id that a user, or a file of the container's, may give: beyond it, other tools wrap around to root (CVE-2024-40635).
pub(crate) const ID_MAX: u32 = (1 << 31) - 1;

impl User {
    /// Uid 0, with the groups that the container's files give it.
    pub const ROOT: Self = Self { user: Who::Id(0), group: None, additional: Vec::new() };

    /// Reads `USER[:GROUP]`. A word of digits is always an id, never a user of that name (CVE-2016-3697).
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |why: String| {
            Err(Error::refused(NAME, format!("read user {text:?}"), why).with_hint("USER, UID, USER:GROUP or UID:GID"))
        };
        let mut words = text.split(':').map(who);
        match (words.next(), words.next(), words.next()) {
            (Some(Ok(user)), None, _) => Ok(Self { user, group: None, additional: Vec::new() }),
            (Some(Ok(user)), Some(Ok(group)), None) => Ok(Self { user, group: Some(group), additional: Vec::new() }),
            (Some(Err(why)), ..) | (_, Some(Err(why)), _) => refuse(why),
            _ => refuse("it has more than two parts".into()),
        }
    }

    /// The same user in one more group, by name or number.
    pub fn with_group(mut self, group: &str) -> Result<Self> {
        let refuse = |why| Error::refused(NAME, format!("read group {group:?}"), why).with_hint("a name or a number");
        self.additional.push(who(group).map_err(refuse)?);
        Ok(self)
    }
}

fn who(word: &str) -> std::result::Result<Who, String> {
    if word.is_empty() {
        return Err("a user or group is empty".into());
    }
    if !word.bytes().all(|byte| byte.is_ascii_digit()) {
        let fits = |c: char| c.is_ascii_alphanumeric() || "_.$-".contains(c) || !c.is_ascii();
        let good = word.chars().all(fits) && !word.starts_with('-');
        return if good { Ok(Who::Name(word.to_owned())) } else { Err(format!("{word:?} can't be a name")) };
    }
    match word.parse() {
        Ok(id) if id <= ID_MAX => Ok(Who::Id(id)),
        _ => Err(format!("{word} is more than {ID_MAX}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_names_or_numbers_with_or_without_a_group() {
        let name = |name: &str| Who::Name(name.into());
        let one = |user, group| User { user, group, additional: Vec::new() };
        assert_eq!(User::parse("0").expect("root"), User::ROOT);
        assert_eq!(User::parse("www-data").expect("a name"), one(name("www-data"), None));
        assert_eq!(User::parse("1:staff").expect("mixed"), one(Who::Id(1), Some(name("staff"))));
        assert_eq!(User::parse("2147483647").expect("the largest"), one(Who::Id(2_147_483_647), None));
    }

    #[test]
    fn what_other_engines_took_for_root_is_refused() {
        for bad in [
            "4294967296",
            "4294967295",
            "2147483648",
            "-1",
            "1:2:3",
            ":grp",
            "grp:",
            "",
            ":",
            "a b",
            "0\n",
            "99999999999999999999",
        ] {
            assert!(User::parse(bad).is_err(), "{bad:?} was taken");
        }
    }
}
