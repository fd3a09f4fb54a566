//! Where to ask for what a host has: its mirrors, then itself.

use super::{settings::Settings, trust::Trust};

/// One server that may have it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Endpoint {
    /// As the user calls it, and logs in to it.
    pub(super) host: String,
    /// Where it listens: a host, perhaps with a port.
    pub(super) authority: String,
    /// What it may speak; the first that it does counts.
    pub(super) schemes: &'static [&'static str],
    pub(super) role: Role,
}

/// What an endpoint is to the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// It may have it; if not, somebody else is asked.
    Mirror,
    /// It has it, or nobody has.
    Origin,
}

/// Where the Hub listens.
const HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

impl Endpoint {
    /// The host itself.
    pub(super) fn origin(host: &str, trust: &Trust) -> Self {
        let authority = if host == HUB.0 { HUB.1 } else { host }.to_owned();
        let schemes: &[&str] = if trust.is_insecure(&authority) { &["https", "http"] } else { &["https"] };
        Self { host: host.to_owned(), authority, schemes, role: Role::Origin }
    }

    /// Its mirrors, in order: each speaks what its URL says.
    pub(super) fn mirrors<'a>(host: &str, settings: &'a Settings) -> impl Iterator<Item = Self> + 'a {
        let urls = settings.mirrors.get(host).into_iter().flatten();
        urls.filter_map(|url| {
            let (scheme, authority) = url.trim_end_matches('/').split_once("://")?;
            let schemes: &[&str] = if scheme == "http" { &["http"] } else { &["https"] };
            Some(Self { host: authority.to_owned(), authority: authority.to_owned(), schemes, role: Role::Mirror })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_another_host_with_a_login_of_its_own() {
        let mirrors = [("docker.io".to_owned(), vec!["https://a".to_owned(), "http://b:5000/".to_owned()])].into();
        let settings = Settings { mirrors, ..Settings::default() };
        let found: Vec<_> = Endpoint::mirrors("docker.io", &settings).map(|end| (end.host, end.schemes)).collect();
        assert_eq!(found, [("a".to_owned(), &["https"][..]), ("b:5000".to_owned(), &["http"][..])]);
        assert_eq!(Endpoint::mirrors("other", &settings).count(), 0);
    }

    #[test]
    fn only_what_may_be_plain_is() {
        let trust = Trust::new(&Settings::default());
        let origin = |host: &str| Endpoint::origin(host, &trust);
        assert_eq!(origin("docker.io").authority, "registry-1.docker.io");
        assert_eq!(origin("r.example").schemes, ["https"]);
        assert_eq!(origin("localhost:5000").schemes, ["https", "http"]);
    }
}
