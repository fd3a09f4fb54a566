//! Bearer tokens: a third party that the registry names gives them out, each for some repositories and a short while. See
//! the distribution project's specification of token authentication.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::Deserialize;
use ureq::http::{Method, Uri};

use super::{
    challenge::Bearer,
    credentials::{Login, basic},
    error::{Outcome, Reason},
    location::{self, escape},
    secret::Secret,
    transport::{Body, Request, Transport},
};

/// What a token allows: `repository:library/debian:pull`, and perhaps more.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scope(BTreeSet<String>);

impl Scope {
    /// To read a repository.
    pub(super) fn pull(path: &str) -> Self {
        Self([format!("repository:{path}:pull")].into())
    }

    /// To write to it, too.
    pub(super) fn push(path: &str) -> Self {
        Self([format!("repository:{path}:pull,push")].into())
    }

    /// Both this and the other.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The scopes of a challenge.
    pub(super) fn parse(text: &str) -> Self {
        Self(text.split_whitespace().map(str::to_owned).collect())
    }
}

/// The tokens of one registry that are still good.
#[derive(Default)]
pub(super) struct Tokens {
    known: Mutex<BTreeMap<Scope, Token>>,
}

#[derive(Clone)]
struct Token {
    secret: Secret,
    until: Instant,
}

/// What the third party answers. Both names of the token are in use.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
    #[serde(default)]
    expires_in: u64,
}

/// What the specification says where the answer says nothing.
const LIFETIME_SECS_MIN: u64 = 60;
/// A token is not used any more when it has only this to live.
const MARGIN: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// Who we say that we are.
const CLIENT: &str = "conex";

impl Tokens {
    /// `Bearer TOKEN` for this scope of the registry at `base`; fetched, if there is none. Several threads that want the same fetch it once.
    pub(super) fn get(
        &self,
        transport: &Transport,
        base: &Uri,
        bearer: &Bearer,
        scope: &Scope,
        login: Option<&Login>,
    ) -> Outcome<Secret> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = known.get(scope).filter(|token| token.until > Instant::now()) {
            return Ok(token.secret.clone());
        }
        let realm = realm(transport, base, bearer)?;
        let token = fetch(transport, Demand { realm, bearer, scope, login })?;
        known.insert(scope.clone(), token.clone());
        Ok(token.secret)
    }

    /// Forgets a token that was not good.
    pub(super) fn forget(&self, secret: Option<&Secret>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, token| Some(&token.secret) != secret);
    }
}

/// What is asked for, where, and by whom.
struct Demand<'a> {
    realm: Uri,
    bearer: &'a Bearer,
    scope: &'a Scope,
    login: Option<&'a Login>,
}

fn fetch(transport: &Transport, Demand { realm, bearer, scope, login }: Demand) -> Outcome<Token> {
    let fields = fields(bearer, scope);
    let host = realm.authority().map(ToString::to_string).unwrap_or_default();
    let form: String;
    let request = match login {
        Some(Login::Identity(identity)) => {
            let more = [("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", identity.reveal())];
            form = query(fields.iter().map(|(key, value)| (*key, value.as_str())).chain(more));
            let request = Request::new(Method::POST, realm, Body::Bytes(form.as_bytes()));
            request.with("content-type", "application/x-www-form-urlencoded")
        }
        Some(Login::Password { user, password }) => {
            let account = ("account", user.as_str());
            let fields = fields.iter().map(|(key, value)| (*key, value.as_str())).chain([account]);
            let request = Request::new(Method::GET, extended(&realm, &query(fields))?, Body::None);
            request.with("authorization", &format!("Basic {}", basic(user, password)))
        }
        None => {
            let fields = fields.iter().map(|(key, value)| (*key, value.as_str()));
            Request::new(Method::GET, extended(&realm, &query(fields))?, Body::None)
        }
    };
    let response = transport.exchange(&request, None)?;
    match response.status {
        200 => read(&response.bytes(ANSWER_BYTES_MAX)?, &host),
        401 if login.is_some() => Err(Reason::Denied { host, said: ": it does not know this login".to_owned() }),
        _ => Err(response.refusal(&host)),
    }
}

/// Where to ask: only where nobody on the way can read the answer, or the password.
fn realm(transport: &Transport, base: &Uri, bearer: &Bearer) -> Outcome<Uri> {
    let realm = location::parse(&bearer.realm).filter(|realm| transport.trust().may_lead(base, realm));
    let shown: String = bearer.realm.chars().take(100).collect();
    let host = base.host().unwrap_or_default();
    realm.ok_or_else(|| Reason::wrong(host, format!("its tokens shall come from {shown:?}, where nothing is safe")))
}

fn fields(bearer: &Bearer, scope: &Scope) -> Vec<(&'static str, String)> {
    let service = bearer.service.iter().map(|service| ("service", service.clone()));
    service.chain(scope.0.iter().map(|scope| ("scope", scope.clone()))).collect()
}

fn query<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    fields.map(|(key, value)| format!("{key}={}", escape(value))).collect::<Vec<_>>().join("&")
}

fn extended(realm: &Uri, query: &str) -> Outcome<Uri> {
    let separator = if realm.query().is_some() { '&' } else { '?' };
    let url = location::parse(&format!("{realm}{separator}{query}"));
    url.ok_or_else(|| Reason::wrong("the registry", format!("{realm} is no place for tokens")))
}

fn read(bytes: &[u8], host: &str) -> Outcome<Token> {
    let answer: Option<Answer> = serde_json::from_slice(bytes).ok();
    let answer = answer.ok_or_else(|| Reason::wrong(host, "it gives no token"))?;
    let secret = if answer.token.is_empty() { answer.access_token } else { answer.token };
    if secret.is_empty() {
        return Err(Reason::wrong(host, "its token is empty"));
    }
    let lifetime = Duration::from_secs(answer.expires_in.clamp(LIFETIME_SECS_MIN, 86_400));
    Ok(Token {
        secret: Secret::new(format!("Bearer {secret}")),
        until: Instant::now() + lifetime.saturating_sub(MARGIN),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_add_up() {
        let both = Scope::push("a").and(Scope::pull("b"));
        assert_eq!(both, Scope::parse("repository:b:pull repository:a:pull,push"));
        let bearer = Bearer { realm: "https://t/".into(), service: Some("r e".into()), scope: None };
        let fields = fields(&bearer, &both);
        let text = query(fields.iter().map(|(key, value)| (*key, value.as_str())));
        assert_eq!(text, "service=r%20e&scope=repository%3Aa%3Apull%2Cpush&scope=repository%3Ab%3Apull");
    }

    #[test]
    fn either_name_of_a_token_is_read() {
        let read = |text: &str| read(text.as_bytes(), "t");
        assert_eq!(read(r#"{"token": "a", "expires_in": 300}"#).expect("a token").secret, Secret::new("Bearer a"));
        assert_eq!(read(r#"{"access_token": "b"}"#).expect("a token").secret, Secret::new("Bearer b"));
        assert!(read("{}").is_err() && read("").is_err() && read(r#"{"token": "a", "expires_in": -1}"#).is_err());
    }
}
