//! The name of an image as a user writes it, in docker's grammar. It says where an image is, not what it is. See the
//! distribution project's grammar of references.

use std::{fmt, str::FromStr};

use conex_image::Digest;

/// Where an image is: having one proves that every piece fits into a URL and a path as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    host: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// One image of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// Whatever has this tag now.
    Tag(String),
    /// Always the same bytes.
    Digest(Digest),
}

/// Why a text is no reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} names no image: {why}")]
pub struct BadReference {
    text: String,
    why: String,
}

/// The host that a name without one means.
const HUB: &str = "docker.io";
/// Where the Hub's official images are: `debian` is `docker.io/library/debian`.
const OFFICIAL: &str = "library/";
const DEFAULT_TAG: &str = "latest";

/// Docker's limit of a repository's name without its host.
const PATH_LENGTH_MAX: usize = 255;
const TAG_LENGTH_MAX: usize = 128;

impl Reference {
    /// The registry's host, and its port if one is given: `docker.io`, `localhost:5000`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The repository within the registry: `library/debian`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag; `None` if only a digest is given.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if one is given.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Which image is meant: the digest decides where there is one.
    #[must_use]
    pub fn version(&self) -> Version {
        let tag = || Version::Tag(self.tag.clone().unwrap_or_else(|| DEFAULT_TAG.to_owned()));
        self.digest.clone().map_or_else(tag, Version::Digest)
    }

    /// The repository as users write it: `debian`, `localhost:5000/x`. It means the same when it is read again.
    #[must_use]
    pub fn familiar_name(&self) -> String {
        let short = self.path.strip_prefix(OFFICIAL).filter(|rest| !rest.contains('/')).unwrap_or(&self.path);
        // The Hub has room for `foo.bar/x`, which without its host would be another registry's.
        match self.host == HUB && split_host(short) == (HUB, short) {
            true => short.to_owned(),
            false => format!("{}/{}", self.host, self.path),
        }
    }
}

impl FromStr for Reference {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        parse(text).map_err(|why| BadReference { text: text.chars().take(300).collect(), why })
    }
}

fn parse(text: &str) -> Result<Reference, String> {
    if text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err("64 hexadecimal digits are an id, not a name".to_owned());
    }
    let (named, digest) = match text.split_once('@') {
        Some((named, digest)) => (named, Some(digest.parse::<Digest>().map_err(|error| error.to_string())?)),
        None => (text, None),
    };
    let (host, rest) = split_host(named);
    let (path, tag) = match rest.split_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (rest, None),
    };
    check_host(host)?;
    check_path(path)?;
    tag.map_or(Ok(()), check_tag)?;
    let official = host == HUB && !path.contains('/');
    let path = format!("{}{path}", if official { OFFICIAL } else { "" });
    if path.len() > PATH_LENGTH_MAX {
        return Err(format!("the repository's name has {} characters, at most {PATH_LENGTH_MAX} may be", path.len()));
    }
    let latest = digest.is_none().then_some(DEFAULT_TAG);
    Ok(Reference { host: host.to_owned(), path, tag: tag.or(latest).map(str::to_owned), digest })
}

/// The first part is a host only if it can't be the first part of a repository's name on the Hub.
fn split_host(named: &str) -> (&str, &str) {
    let is_host =
        |part: &str| part == "localhost" || part.contains(['.', ':']) || part.contains(|c: char| c.is_uppercase());
    match named.split_once('/') {
        Some(("index.docker.io", rest)) => (HUB, rest),
        Some((first, rest)) if is_host(first) => (first, rest),
        _ => (HUB, named),
    }
}

fn check_host(host: &str) -> Result<(), String> {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    };
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let letter = |byte: u8| byte.is_ascii_alphanumeric();
    let label = |label: &str| ends_are(label, letter) && label.bytes().all(|byte| letter(byte) || byte == b'-');
    let good_name = match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.split('.').all(label),
    };
    // A number does not begin with a sign here.
    let good_port =
        port.is_none_or(|port| port.starts_with(|c: char| c.is_ascii_digit()) && port.parse::<u16>().is_ok());
    match good_name && good_port {
        true => Ok(()),
        false => Err(format!("{host:?} is no host")),
    }
}

fn check_path(path: &str) -> Result<(), String> {
    if path.contains(|c: char| c.is_ascii_uppercase()) {
        return Err("a repository's name has no capitals".to_owned());
    }
    match path.split('/').find(|part| !is_path_part(part)) {
        None => Ok(()),
        Some("") => Err("a part of the repository's name is empty".to_owned()),
        Some(part) => Err(format!(
            "{part:?} is no part of a repository's name: a-z and 0-9 are, with one . or _, two _ or some - between"
        )),
    }
}

fn is_path_part(part: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let separator = |text: &str| matches!(text, "" | "." | "_" | "__") || text.bytes().all(|byte| byte == b'-');
    ends_are(part, letter) && part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()).all(separator)
}

fn ends_are(text: &str, good: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    [bytes.first(), bytes.last()].iter().all(|end| end.is_some_and(|byte| good(*byte)))
}

fn check_tag(tag: &str) -> Result<(), String> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let first = tag.as_bytes().first().is_some_and(|byte| word(*byte));
    let rest = tag.bytes().all(|byte| word(byte) || b".-".contains(&byte));
    match first && rest && tag.len() <= TAG_LENGTH_MAX {
        true => Ok(()),
        false => Err(format!(
            "{tag:?} is no tag: a letter, digit or _, then at most {} of these and . -",
            TAG_LENGTH_MAX - 1
        )),
    }
}

/// As users write it: without the Hub's host, with the tag.
impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.familiar_name())?;
        self.tag.iter().try_for_each(|tag| write!(formatter, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(formatter, "@{digest}"))
    }
}

/// As it stands in a URL.
impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => formatter.write_str(tag),
            Self::Digest(digest) => digest.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn names_mean_what_they_mean_to_docker() {
        let table = [
            ("debian", "docker.io", "library/debian", "latest", "debian:latest"),
            ("a/b/c:tag", "docker.io", "a/b/c", "tag", "a/b/c:tag"),
            ("x:5000", "docker.io", "library/x", "5000", "x:5000"),
            ("x:5000/y", "x:5000", "y", "latest", "x:5000/y:latest"),
            ("localhost/x", "localhost", "x", "latest", "localhost/x:latest"),
            ("Foo/x", "Foo", "x", "latest", "Foo/x:latest"),
            ("foo.bar/x:T_.-x", "foo.bar", "x", "T_.-x", "foo.bar/x:T_.-x"),
            ("index.docker.io/x", "docker.io", "library/x", "latest", "x:latest"),
            ("docker.io/library/x", "docker.io", "library/x", "latest", "x:latest"),
            ("docker.io", "docker.io", "library/docker.io", "latest", "docker.io:latest"),
            ("[::1]:5000/x", "[::1]:5000", "x", "latest", "[::1]:5000/x:latest"),
            ("library/x/y", "docker.io", "library/x/y", "latest", "library/x/y:latest"),
            ("docker.io/foo.bar/x", "docker.io", "foo.bar/x", "latest", "docker.io/foo.bar/x:latest"),
            ("docker.io/localhost/x", "docker.io", "localhost/x", "latest", "docker.io/localhost/x:latest"),
            (
                "docker.io/index.docker.io/x",
                "docker.io",
                "index.docker.io/x",
                "latest",
                "docker.io/index.docker.io/x:latest",
            ),
        ];
        for (text, host, path, tag, familiar) in table {
            let reference: Reference = text.parse().expect(text);
            assert_eq!((reference.host(), reference.path(), reference.tag()), (host, path, Some(tag)), "{text}");
            assert_eq!(reference.to_string(), familiar);
            assert_eq!(familiar.parse(), Ok(reference), "{text}");
        }
    }

    #[test]
    fn a_digest_is_kept_and_decides() {
        let digest: Digest = A.parse().expect("a digest");
        for (text, tag) in [(format!("x:t@{A}"), Some("t")), (format!("x@{A}"), None)] {
            let reference: Reference = text.parse().expect("a reference");
            assert_eq!((reference.tag(), reference.version()), (tag, Version::Digest(digest.clone())));
            assert_eq!(reference.to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_words() {
        let why = |text: &str| text.parse::<Reference>().expect_err(text).to_string();
        assert_eq!(why("foo/X"), "\"foo/X\" names no image: a repository's name has no capitals");
        assert_eq!(why("x//y"), "\"x//y\" names no image: a part of the repository's name is empty");
        assert!(why("x:").ends_with("\"\" is no tag: a letter, digit or _, then at most 127 of these and . -"));
        assert!(why("a.-b/x").ends_with("\"a.-b\" is no host"));
        assert!(why("x@sha256:abc").ends_with("is no digest: sha256: and 64 hexadecimal digits are"));
    }
}
