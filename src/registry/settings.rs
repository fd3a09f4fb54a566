//! What the administrator and the user have decided about registries, read from docker's files and ours.
//!
//! Ours is JSON, by host: `{"docker.io": {"mirrors": ["https://m.example"]}, "r.example:5000": {"insecure": true}}`.
//! See docker's daemon.json (`registry-mirrors`, `insecure-registries`).

use std::{
    collections::BTreeMap,
    env,
    net::{IpAddr, Ipv6Addr},
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use serde::Deserialize;

use super::{credentials::Logins, location};
use crate::{Failure, files};

/// Everything that a client goes by.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// URLs that are asked before the origin, in this order, by the origin's host.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// `HOST`, `HOST:PORT` or `ADDRESS/BITS`: plain HTTP is fine there, and any certificate.
    pub insecure: Vec<String>,
    /// Directories like docker's certs.d: in each, `HOST/*.crt` are the authorities of a host.
    pub certificates: Vec<PathBuf>,
    /// Who the user is, and where.
    pub logins: Logins,
    /// How long to wait, and how often.
    pub patience: Patience,
}

/// How much a client puts up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How often a request is tried.
    pub attempts: u32,
    /// How long to wait before the second; each further wait is twice as long.
    pub pause: Duration,
    /// How long a connection may take, or say nothing.
    pub stall: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempts: 5, pause: Duration::from_millis(250), stall: Duration::from_secs(30) }
    }
}

/// Where settings are kept; none of them has to be there.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Ours.
    pub own: PathBuf,
    /// Docker's for its daemon.
    pub docker_daemon: PathBuf,
    /// Docker's for its users.
    pub docker_user: PathBuf,
    /// Directories like docker's certs.d.
    pub certificates: Vec<PathBuf>,
}

/// The usual place of ours.
const OWN: &str = "/etc/conex/registries.json";

impl Sources {
    /// The usual places, and $DOCKER_CONFIG if it is set.
    #[must_use]
    pub fn usual() -> Self {
        let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".docker");
        let user = env::var_os("DOCKER_CONFIG").map_or_else(home, PathBuf::from);
        Self {
            own: OWN.into(),
            docker_daemon: "/etc/docker/daemon.json".into(),
            docker_user: user.join("config.json"),
            certificates: vec!["/etc/conex/certs.d".into(), "/etc/docker/certs.d".into()],
        }
    }
}

/// Of one host in our file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Host {
    #[serde(default)]
    mirrors: Vec<String>,
    #[serde(default)]
    insecure: bool,
}

/// What concerns us in docker's file.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Daemon {
    #[serde(default)]
    registry_mirrors: Vec<String>,
    #[serde(default)]
    insecure_registries: Vec<String>,
}

impl Settings {
    /// Reads the files; ours comes before docker's.
    pub fn read(sources: &Sources) -> crate::Result<Self> {
        let own: BTreeMap<String, Host> = files::read_json(&sources.own)?.unwrap_or_default();
        let daemon: Daemon = files::read_json(&sources.docker_daemon)?.unwrap_or_default();
        let mut settings = Self {
            insecure: daemon.insecure_registries,
            certificates: sources.certificates.clone(),
            logins: Logins::of(&sources.docker_user),
            ..Self::default()
        };
        for (name, host) in own {
            settings.insecure.extend(host.insecure.then(|| name.clone()));
            check_mirrors(&host.mirrors, &sources.own)?;
            settings.mirrors.insert(name, host.mirrors);
        }
        check_mirrors(&daemon.registry_mirrors, &sources.docker_daemon)?;
        settings.mirrors.entry("docker.io".to_owned()).or_default().extend(daemon.registry_mirrors);
        Ok(settings)
    }
}

fn check_mirrors(mirrors: &[String], file: &Path) -> crate::Result<()> {
    let whole = |mirror: &&String| {
        location::parse(mirror).is_some_and(|url| matches!(url.path(), "" | "/") && url.query().is_none())
    };
    match mirrors.iter().find(|mirror| !whole(mirror)) {
        None => Ok(()),
        Some(mirror) => Err(Failure::new(format!("read {}: {mirror:?} is no mirror", file.display()))
            .with_hint("a mirror is https://HOST or http://HOST, with a port if need be and nothing behind it")),
    }
}

/// Addresses that begin with the same bits: `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    first: IpAddr,
    bits: u32,
}

impl Range {
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let (width, first, given) = match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(given)) => (32, u128::from(first.to_bits()), u128::from(given.to_bits())),
            (IpAddr::V6(first), IpAddr::V6(given)) => (128, first.to_bits(), given.to_bits()),
            _ => return false,
        };
        // A shift by all bits is none in the processor's eyes.
        let differ = (first ^ given).checked_shr(width - self.bits).unwrap_or(0);
        differ == 0
    }
}

impl FromStr for Range {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (first, bits) = text.split_once('/').ok_or(())?;
        let (first, bits): (IpAddr, u32) = (first.parse().map_err(|_| ())?, bits.parse().map_err(|_| ())?);
        let width = if first.is_ipv4() { 32 } else { Ipv6Addr::BITS };
        (bits <= width).then_some(Self { first, bits }).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(name: &str, own: &str, daemon: &str) -> crate::Result<Settings> {
        let directory = env::temp_dir().join(format!("conex-settings-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("the temporary directory is writable");
        let file = |name: &str, text: &str| {
            fs::write(directory.join(name), text).expect("written");
            directory.join(name)
        };
        let (own, docker_daemon) = (file("own", own), file("daemon", daemon));
        let settings = Settings::read(&Sources { own, docker_daemon, docker_user: "/no".into(), certificates: vec![] });
        fs::remove_dir_all(&directory).expect("removed");
        settings
    }

    #[test]
    fn our_mirrors_come_before_docker_s() {
        let own = r#"{"docker.io": {"mirrors": ["https://a"]}, "r:5000": {"insecure": true}}"#;
        let daemon = r#"{"registry-mirrors": ["http://b:5000/"], "insecure-registries": ["c"], "debug": true}"#;
        let settings = read("order", own, daemon).expect("good files");
        assert_eq!(settings.mirrors["docker.io"], ["https://a", "http://b:5000/"]);
        assert_eq!(settings.insecure, ["c", "r:5000"]);
    }

    #[test]
    fn what_is_misspelt_is_refused_with_its_file() {
        let why = |own: &str| read("wrong", own, "{}").expect_err(own).to_string();
        assert!(why(r#"{"r": {"mirror": []}}"#).contains("own: unknown field `mirror`"));
        assert!(why(r#"{"r": {"mirrors": ["m:5000"]}}"#).ends_with("own: \"m:5000\" is no mirror"));
        assert!(why(r#"{"r": {"mirrors": ["https://m/path"]}}"#).ends_with("is no mirror"));
    }

    #[test]
    fn a_range_holds_what_begins_alike() {
        let holds =
            |range: &str, address: &str| range.parse::<Range>().expect(range).contains(address.parse().expect(address));
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("0.0.0.0/0", "1.2.3.4") && !holds("0.0.0.0/0", "::1") && holds("::/0", "::1"));
        assert!(holds("1.2.3.4/32", "1.2.3.4") && !holds("1.2.3.4/32", "1.2.3.5"));
        assert!("10.0.0.0/33".parse::<Range>().is_err() && "10.0.0.0".parse::<Range>().is_err());
    }
}
