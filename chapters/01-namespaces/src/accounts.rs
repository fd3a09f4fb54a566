//! The container's own passwd and group files: never the host's, never through NSS. See passwd(5), group(5).

use std::{os::fd::BorrowedFd, path::Path};

use conex_kernel::{Error, Result, read_inside};

use crate::{
    NAME, User,
    user::{ID_MAX, Who},
};

/// Who the process will be, all numbers known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Supplementary.
    pub(crate) groups: Vec<u32>,
    pub(crate) home: String,
}

/// No real system's file comes near this; an image's file of gigabytes is an attack on our memory.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Looks `user` up in the files below `root`.
pub(crate) fn identify(root: BorrowedFd<'_>, user: &User) -> Result<Identity> {
    let (passwd, group) = (read(root, "/etc/passwd")?, read(root, "/etc/group")?);
    resolve(user, &passwd, &group)
}

fn read(root: BorrowedFd<'_>, path: &str) -> Result<String> {
    let bytes = read_inside(root, Path::new(path), FILE_BYTES_MAX)
        .map_err(|error| Error::new(NAME, format!("read the container's {path}"), &error))?;
    Ok(String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned())
}

struct Account<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

fn accounts(passwd: &str) -> impl Iterator<Item = Account<'_>> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, _password) = (fields.next()?, fields.next()?);
        let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let (_comment, home) = (fields.next()?, fields.next()?);
        Some(Account { name, uid, gid, home })
    })
}

/// Name, id and members of each group.
fn groups(group: &str) -> impl Iterator<Item = (&str, u32, &str)> {
    group.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, _password) = (fields.next()?, fields.next()?);
        Some((name, fields.next()?.parse().ok()?, fields.next().unwrap_or("")))
    })
}

fn resolve(user: &User, passwd: &str, group: &str) -> Result<Identity> {
    let account = match &user.user {
        Who::Id(id) => accounts(passwd).find(|account| account.uid == *id),
        Who::Name(name) => {
            Some(accounts(passwd).find(|account| account.name == name).ok_or_else(|| unknown("user", name, "passwd"))?)
        }
    };
    let uid = match (&user.user, &account) {
        (Who::Id(id), _) => *id,
        (Who::Name(_), account) => account.as_ref().map_or(0, |account| account.uid),
    };
    let home = account.as_ref().map(|account| account.home).filter(|home| !home.is_empty()).unwrap_or("/").to_owned();
    let own = account.as_ref().map_or(0, |account| account.gid);
    let (gid, mut supplementary) = match &user.group {
        // A group that was asked for is the only one.
        Some(asked) => (group_id(asked, group)?, Vec::new()),
        None => (own, account.map_or(Vec::new(), |account| memberships(account.name, group))),
    };
    for asked in &user.additional {
        let gid = group_id(asked, group)?;
        if !supplementary.contains(&gid) {
            supplementary.push(gid);
        }
    }
    // The primary group too: a process that changes its group must not lose what this one denies (CVE-2022-36109).
    supplementary.retain(|other| *other != gid);
    supplementary.insert(0, gid);
    for id in [uid, gid].iter().chain(&supplementary) {
        check_id(*id)?;
    }
    Ok(Identity { uid, gid, groups: supplementary, home })
}

/// An image's own files may be the attack: the last id means «leave it as it is» to the kernel, and that is root's.
fn check_id(id: u32) -> Result<()> {
    match id {
        0..=ID_MAX => Ok(()),
        _ => Err(Error::refused(
            NAME,
            format!("take id {id} from the container's files"),
            format!("it is more than {ID_MAX}"),
        )),
    }
}

fn group_id(who: &Who, group: &str) -> Result<u32> {
    match who {
        Who::Id(gid) => Ok(*gid),
        Who::Name(name) => {
            let found = groups(group).find(|(group, ..)| group == name);
            Ok(found.ok_or_else(|| unknown("group", name, "group"))?.1)
        }
    }
}

fn memberships(name: &str, group: &str) -> Vec<u32> {
    let mut gids: Vec<u32> = groups(group)
        .filter(|(_, _, members)| members.split(',').any(|member| member == name))
        .map(|(_, gid, _)| gid)
        .collect();
    gids.sort_unstable();
    gids.dedup();
    gids
}

fn unknown(what: &str, name: &str, file: &str) -> Error {
    Error::refused(NAME, format!("look up {what} {name}"), format!("the container's /etc/{file} does not have it"))
        .with_hint(format!("a number always works, whether /etc/{file} has it or not"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\nweb:x:33:33::/srv:/bin/false\n0:x:1000:1000::/evil:/bin/sh\nbroken\n#:x:x\n";
    const GROUP: &str = "root:x:0:\nweb:x:33:\nlogs:x:4:web,root\nlate:x:9:web\n";

    fn identity(user: &str) -> Result<Identity> {
        resolve(&User::parse(user).expect("a user"), PASSWD, GROUP)
    }

    #[test]
    fn a_name_brings_its_ids_groups_and_home() {
        let expected = Identity { uid: 33, gid: 33, groups: vec![33, 4, 9], home: "/srv".into() };
        assert_eq!(identity("web").expect("known"), expected);
    }

    #[test]
    fn digits_are_an_id_even_where_a_user_has_that_name() {
        assert_eq!(identity("0").expect("root"), Identity { uid: 0, gid: 0, groups: vec![0, 4], home: "/root".into() });
    }

    #[test]
    fn an_unknown_id_is_taken_and_an_unknown_name_refused() {
        assert_eq!(identity("7").expect("a number"), Identity { uid: 7, gid: 0, groups: vec![0], home: "/".into() });
        assert_eq!(
            identity("nobody").expect_err("unknown").to_string(),
            "namespaces: look up user nobody: the container's /etc/passwd does not have it"
        );
        assert!(identity("web:nobody").is_err());
    }

    #[test]
    fn ids_of_the_files_that_wrap_around_to_root_are_refused() {
        let passwd = "a:x:4294967295:0::/:\nb:x:1:4294967295::/:\nc:x:1:1::/:\nd:x:4294967296:0::/:\n";
        let group = "g:x:2147483648:c\n";
        for user in ["a", "b", "c", "1:g", "d"] {
            assert!(resolve(&User::parse(user).expect("a user"), passwd, group).is_err(), "{user}");
        }
    }

    #[test]
    fn more_groups_come_on_top() {
        let user = User::parse("web").and_then(|user| user.with_group("7")).and_then(|user| user.with_group("logs"));
        let identity = resolve(&user.expect("a user"), PASSWD, GROUP).expect("known");
        assert_eq!(identity.groups, [33, 4, 9, 7]);
        let unknown = User::ROOT.with_group("nobody").expect("a name");
        assert!(resolve(&unknown, PASSWD, GROUP).is_err());
    }

    #[test]
    fn a_group_that_was_asked_for_is_the_only_one() {
        let expected = Identity { uid: 33, gid: 4, groups: vec![4], home: "/srv".into() };
        assert_eq!(identity("web:logs").expect("known"), expected);
    }
}
