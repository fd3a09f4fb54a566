//! What a registry answers to a stranger: how it wants to be told who asks. See RFC 9110, 11.6.1, and the distribution
//! specification's token authentication.

/// One way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A user's name and password with each request.
    Basic,
    /// A token that somebody else gives out.
    Bearer(Bearer),
}

/// Who gives out tokens, and for what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bearer {
    /// A URL.
    pub(super) realm: String,
    /// The registry's name there.
    pub(super) service: Option<String>,
    /// What is asked for: `repository:library/debian:pull`, several with spaces between them.
    pub(super) scope: Option<String>,
}

impl Challenge {
    /// The ways of a header that we know; several headers are read one by one.
    pub(super) fn parse(header: &str) -> Vec<Self> {
        let mut rest = header;
        let mut found = Vec::new();
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            let scheme = token(rest);
            if scheme.is_empty() {
                return found;
            }
            let (parameters, after) = parameters(&rest[scheme.len()..]);
            rest = after;
            found.extend(Self::of(scheme, parameters));
        }
    }

    fn of(scheme: &str, parameters: Vec<(String, String)>) -> Option<Self> {
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        let mut bearer = Bearer::default();
        for (name, value) in parameters {
            match name.as_str() {
                "realm" => bearer.realm = value,
                "service" => bearer.service = Some(value),
                "scope" => bearer.scope = Some(value),
                _ => {}
            }
        }
        let known = scheme.eq_ignore_ascii_case("bearer") && !bearer.realm.is_empty();
        known.then_some(Self::Bearer(bearer))
    }
}

/// The longest word at the beginning of a text.
fn token(text: &str) -> &str {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

/// `name=value, name="value"`, until a word follows that has no `=`: the next way's.
fn parameters(text: &str) -> (Vec<(String, String)>, &str) {
    let mut rest = text;
    let mut found = Vec::new();
    loop {
        let next = rest.trim_start_matches([' ', '\t', ',']);
        let name = token(next);
        let Some(value) = next[name.len()..].trim_start().strip_prefix('=') else { return (found, next) };
        let Some((value, after)) = value_of(value.trim_start()) else { return (found, "") };
        if name.is_empty() {
            return (found, "");
        }
        found.push((name.to_ascii_lowercase(), value));
        rest = after;
    }
}

/// A word, or what stands between quotes, where a backslash keeps the next character.
fn value_of(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let word = token(text);
        return Some((word.to_owned(), &text[word.len()..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Challenge::Bearer(Bearer { realm: realm.to_owned(), service: owned(service), scope: owned(scope) })
    }

    #[test]
    fn challenges_are_read_as_they_are_meant() {
        let table: [(&str, Vec<Challenge>); 9] = [
            (r#"Basic realm="x""#, vec![Challenge::Basic]),
            (
                r#"Bearer realm="https://a/t",service="r",scope="repository:x:pull,push""#,
                vec![bearer("https://a/t", Some("r"), Some("repository:x:pull,push"))],
            ),
            (r#"bearer Realm = "https://a/t" , error="x, y""#, vec![bearer("https://a/t", None, None)]),
            (r#"Bearer realm="a\"b\\c""#, vec![bearer(r#"a"b\c"#, None, None)]),
            (
                r#"Negotiate, Basic realm="x, y", Bearer realm="u",service=r"#,
                vec![Challenge::Basic, bearer("u", Some("r"), None)],
            ),
            ("Basic", vec![Challenge::Basic]),
            (r#"Bearer service="no realm""#, vec![]),
            (r#"Bearer realm="never closed"#, vec![]),
            ("", vec![]),
        ];
        for (header, expected) in table {
            assert_eq!(Challenge::parse(header), expected, "{header}");
        }
    }

    #[test]
    fn nonsense_comes_to_an_end() {
        for header in
            ["=", "Bearer =", "Bearer =x", ",,,", "Basic ===", "Bearer realm=\"\\", "\u{0}\u{1}", "é=é", "a=b=c"]
        {
            Challenge::parse(header);
        }
    }
}
