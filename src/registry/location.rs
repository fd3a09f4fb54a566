//! Where an answer says to go on, and whether that is still the same host. See RFC 9110, 10.2.2.

use ureq::http::Uri;

/// Two URLs of the same origin belong to the same service: what is secret for one may be told to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// Of a URL as `parse` and `resolve` give it.
    pub(super) fn of(url: &Uri) -> Self {
        let scheme = url.scheme_str().unwrap_or_default().to_owned();
        let usual = if scheme == "http" { 80 } else { 443 };
        Self {
            host: url.host().unwrap_or_default().to_ascii_lowercase(),
            port: url.port_u16().unwrap_or(usual),
            scheme,
        }
    }
}

/// Reads a whole URL: of HTTP or HTTPS, and without a user's name in it.
pub(super) fn parse(text: &str) -> Option<Uri> {
    let url: Uri = text.parse().ok()?;
    let (authority, host) = (url.authority()?.as_str(), url.host()?);
    let known = matches!(url.scheme_str(), Some("http" | "https")) && !authority.contains('@') && !host.is_empty();
    // What is no port would silently become the usual one.
    (known && (authority == host || url.port().is_some())).then_some(url)
}

/// What a location means that was given at `base`.
pub(super) fn resolve(base: &Uri, location: &str) -> Option<Uri> {
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    let directory = || base.path().rsplit_once('/').map_or("", |(directory, _)| directory);
    if location.contains("://") && !location.starts_with(['/', '?']) {
        parse(location)
    } else if location.starts_with("//") {
        parse(&format!("{scheme}:{location}"))
    } else if location.starts_with('/') {
        parse(&format!("{scheme}://{authority}{location}"))
    } else if location.starts_with('?') {
        parse(&format!("{scheme}://{authority}{}{location}", base.path()))
    } else {
        parse(&format!("{scheme}://{authority}{}/{location}", directory()))
    }
}

/// The same URL with one more pair in its query.
pub(super) fn with_query(url: &Uri, key: &str, value: &str) -> Option<Uri> {
    let separator = if url.query().is_some() { '&' } else { '?' };
    parse(&format!("{url}{separator}{key}={}", escape(value)))
}

/// What has no meaning of its own in a query stays as it is.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Uri {
        parse(text).expect(text)
    }

    #[test]
    fn locations_are_resolved_as_given() {
        let base = url("https://r.example:5000/v2/x/blobs/uploads/?a=b");
        let table = [
            ("https://other/x?q=1", "https://other/x?q=1"),
            ("//other/x", "https://other/x"),
            ("/v2/x?_state=%2F", "https://r.example:5000/v2/x?_state=%2F"),
            ("?c", "https://r.example:5000/v2/x/blobs/uploads/?c"),
            ("uuid", "https://r.example:5000/v2/x/blobs/uploads/uuid"),
        ];
        for (location, expected) in table {
            assert_eq!(resolve(&base, location).map(|url| url.to_string()).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_is_no_url_of_ours_is_refused() {
        for text in ["ftp://x/", "https://user@x/", "https:///x", "/x", "https://x:99999/", "https://x y/", ""] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let same = |a: &str, b: &str| Origin::of(&url(a)) == Origin::of(&url(b));
        assert!(same("https://x/a", "https://X:443/b"));
        assert!(!same("https://x/", "http://x/") && !same("https://x/", "https://x:444/"));
        assert!(!same("https://x/", "https://y/") && !same("https://x/", "https://x.y/"));
    }

    #[test]
    fn a_query_is_kept_and_extended() {
        let extended = |text: &str| with_query(&url(text), "digest", "sha256:a&b").expect("a URL").to_string();
        assert_eq!(extended("http://x/u?s=1"), "http://x/u?s=1&digest=sha256%3Aa%26b");
        assert_eq!(extended("http://x/u"), "http://x/u?digest=sha256%3Aa%26b");
    }
}
