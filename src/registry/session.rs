//! Talking to one host: its scheme, the login, tokens, redirects and second tries. What is secret for it never reaches
//! another host, wherever an answer leads.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use ureq::http::{Method, Uri};

use super::{
    challenge::Challenge,
    credentials::{Login, Logins, basic},
    endpoint::{Endpoint, Role},
    error::{Outcome, Reason},
    location::{self, Origin},
    secret::Secret,
    settings::Patience,
    token::{Scope, Tokens},
    transport::{Body, Request, Response, Transport},
};
use crate::Failure;

/// One endpoint, and what was learnt about it.
pub(super) struct Session {
    endpoint: Endpoint,
    transport: Arc<Transport>,
    patience: Patience,
    login: Identity,
    tokens: Tokens,
    contact: Mutex<Option<Outcome<Arc<Contact>>>>,
}

/// Who asks.
pub(super) enum Identity {
    /// Whoever docker's file says.
    Kept(Logins),
    /// This one, to see whether the login is good.
    Given(Login),
}

/// What the first answer tells.
struct Contact {
    /// Ends with `/v2/`.
    base: Uri,
    login: Option<Login>,
    /// What it wants; an answer may say it later, or otherwise.
    challenge: Mutex<Option<Challenge>>,
}

const REDIRECTS_MAX: usize = 10;

impl Session {
    pub(super) fn new(endpoint: Endpoint, transport: &Arc<Transport>, patience: Patience, login: Identity) -> Self {
        let attempts = if endpoint.role == Role::Mirror { 1 } else { patience.attempts };
        let patience = Patience { attempts, ..patience };
        let (tokens, contact) = (Tokens::default(), Mutex::default());
        Self { endpoint, transport: Arc::clone(transport), patience, login, tokens, contact }
    }

    /// The host as the user calls it.
    pub(super) fn host(&self) -> &str {
        &self.endpoint.host
    }

    pub(super) fn patience(&self) -> Patience {
        self.patience
    }

    /// The URL of something below `/v2/`.
    pub(super) fn url(&self, path: &str) -> Outcome<Uri> {
        let url = location::parse(&format!("{}{path}", self.contact()?.base));
        url.ok_or_else(|| Failure::new(format!("{path:?} is no path of a URL")).into())
    }

    /// Tries again what may succeed in a moment.
    pub(super) fn patiently<T>(&self, mut ask: impl FnMut() -> Outcome<T>) -> Outcome<T> {
        let mut pause = self.patience.pause;
        for _ in 1..self.patience.attempts {
            match ask() {
                Err(reason) if reason.may_pass() => thread::sleep(reason.wait().unwrap_or(pause)),
                other => return other,
            }
            pause *= 2;
        }
        ask()
    }

    /// Sends a request that may be sent again, until it is answered with one of these statuses.
    pub(super) fn send(&self, request: &Request, scope: &Scope, expected: &[u16]) -> Outcome<Response> {
        self.patiently(|| self.send_once(request, scope, expected))
    }

    /// Sends a request once, or twice if it was refused for want of a login: then nothing was done.
    pub(super) fn send_once(&self, request: &Request, scope: &Scope, expected: &[u16]) -> Outcome<Response> {
        let response = self.answer(request, scope)?;
        match expected.contains(&response.status) {
            true => Ok(response),
            false => Err(self.refusal(response)),
        }
    }

    /// Where an answer says to go on.
    pub(super) fn location(&self, response: &Response) -> Outcome<Uri> {
        let location = response.header("location").unwrap_or_default();
        // A query may hold what is nobody's business, such as a signature.
        let shown: String = location.split('?').next().unwrap_or_default().chars().take(100).collect();
        let next = location::resolve(&response.url, location);
        let safe = next.filter(|next| self.transport.trust().may_lead(&response.url, next));
        safe.ok_or_else(|| Reason::wrong(self.host(), format!("it leads to {shown:?}, where nothing is safe")))
    }

    fn refusal(&self, response: Response) -> Reason {
        let known = self.contact().is_ok_and(|contact| contact.login.is_some());
        match response.refusal(self.host()) {
            Reason::Unauthorized { host, said } if known => Reason::Denied { host, said },
            reason => reason,
        }
    }

    /// Any answer to the request, after redirects, and with the login that was asked for.
    fn answer(&self, request: &Request, scope: &Scope) -> Outcome<Response> {
        let contact = self.contact()?;
        let authorization = self.authorization(&contact, scope)?;
        let response = self.follow(&contact, request, authorization.as_ref())?;
        // Another host's challenge is none of ours: it would get our login.
        if response.status != 401 || Origin::of(&response.url) != Origin::of(&contact.base) {
            return Ok(response);
        }
        let Some(challenge) = challenge(&response) else { return Ok(response) };
        let mut scope = scope.clone();
        if let Challenge::Bearer(bearer) = &challenge {
            scope = scope.and(Scope::parse(bearer.scope.as_deref().unwrap_or_default()));
        }
        *contact.challenge.lock().unwrap_or_else(PoisonError::into_inner) = Some(challenge);
        self.tokens.forget(authorization.as_ref());
        let second = self.authorization(&contact, &scope)?;
        // Without anything new to show, the answer would be the same.
        if second == authorization {
            return Ok(response);
        }
        self.follow(&contact, request, second.as_ref())
    }

    /// The value of the header that says who asks.
    fn authorization(&self, contact: &Contact, scope: &Scope) -> Outcome<Option<Secret>> {
        let challenge = contact.challenge.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match (challenge, &contact.login) {
            (Some(Challenge::Bearer(bearer)), login) => {
                let token = self.tokens.get(&self.transport, &contact.base, &bearer, scope, login.as_ref());
                // A third party that refuses does so in the registry's name.
                let token = token.map_err(|reason| match reason {
                    Reason::Unauthorized { said, .. } => {
                        Reason::Unauthorized { host: self.endpoint.host.clone(), said }
                    }
                    Reason::Denied { said, .. } => Reason::Denied { host: self.endpoint.host.clone(), said },
                    other => other,
                })?;
                Ok(Some(token))
            }
            (Some(Challenge::Basic), Some(Login::Password { user, password })) => {
                Ok(Some(Secret::new(format!("Basic {}", basic(user, password)))))
            }
            _ => Ok(None),
        }
    }

    /// Follows redirects; each host gets only what is meant for it.
    fn follow(&self, contact: &Contact, request: &Request, authorization: Option<&Secret>) -> Outcome<Response> {
        let home = Origin::of(&contact.base);
        let mut request = request.clone();
        for _ in 0..=REDIRECTS_MAX {
            let secret = authorization.filter(|_| Origin::of(&request.url) == home);
            let response = self.transport.exchange(&request, secret)?;
            if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            request.url = self.location(&response)?;
        }
        Err(Reason::wrong(self.host(), format!("it leads on and on, more than {REDIRECTS_MAX} times")))
    }

    /// Asks what is there, once. A mirror that can't be reached is not asked again.
    fn contact(&self) -> Outcome<Arc<Contact>> {
        let mut contact = self.contact.lock().unwrap_or_else(PoisonError::into_inner);
        match &*contact {
            Some(known) => known.clone(),
            None => {
                let made = self.make_contact().map(Arc::new);
                if made.is_ok() || self.endpoint.role == Role::Mirror {
                    *contact = Some(made.clone());
                }
                made
            }
        }
    }

    fn make_contact(&self) -> Outcome<Contact> {
        let login = match &self.login {
            Identity::Given(login) => Some(login.clone()),
            Identity::Kept(logins) => logins.find(&self.endpoint.host)?,
        };
        let mut result = Err(Failure::new(format!("{:?} is no host", self.endpoint.authority)).into());
        for scheme in self.endpoint.schemes {
            let Some(base) = location::parse(&format!("{scheme}://{}/v2/", self.endpoint.authority)) else { break };
            let answer = self.transport.exchange(&Request::new(Method::GET, base.clone(), Body::None), None);
            match answer {
                Ok(response) if response.status == 404 => {
                    result = Err(Reason::wrong(self.host(), "it has no /v2/, so it is no registry"));
                    break;
                }
                Ok(response) => {
                    let challenge = Mutex::new(challenge(&response));
                    result = Ok(Contact { base, login, challenge });
                    break;
                }
                Err(reason) => result = Err(reason),
            }
        }
        result
    }
}

/// The way in that an answer offers; of several, tokens, which reveal less.
fn challenge(response: &Response) -> Option<Challenge> {
    let headers = response.headers.get_all("www-authenticate").iter().filter_map(|value| value.to_str().ok());
    let challenges: Vec<Challenge> = headers.flat_map(Challenge::parse).collect();
    let bearer = challenges.iter().find(|challenge| matches!(challenge, Challenge::Bearer(_)));
    bearer.or(challenges.first()).cloned()
}
