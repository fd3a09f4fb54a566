//! The client: it knows the settings and keeps connections and tokens; a repository of it is what one pulls from and
//! pushes to.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use ureq::http::Method;

use super::{
    credentials::Login,
    endpoint::Endpoint,
    error::{Outcome, Reason, Result},
    reference::Reference,
    session::{Identity, Session},
    settings::Settings,
    token::Scope,
    transport::{Body, Request, Transport},
};

/// Speaks to registries for one user. Threads can share it.
pub struct Client {
    settings: Settings,
    transport: Arc<Transport>,
    sessions: Mutex<BTreeMap<Endpoint, Arc<Session>>>,
}

/// The images of one name.
pub struct Repository<'a> {
    client: &'a Client,
    pub(super) reference: Reference,
}

impl Client {
    /// A client that goes by these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let transport = Arc::new(Transport::new(&settings));
        Self { settings, transport, sessions: Mutex::default() }
    }

    /// The repository that a reference is in.
    #[must_use]
    pub fn repository(&self, reference: &Reference) -> Repository<'_> {
        Repository { client: self, reference: reference.clone() }
    }

    /// Whether there is a registry, and lets us in.
    pub fn ping(&self, host: &str) -> Result<()> {
        let session = self.session(Endpoint::origin(host, self.transport.trust()));
        ping(&session).map_err(|reason| reason.when(format_args!("ask {host}")))
    }

    /// Keeps a login if the registry knows it.
    pub fn login(&self, host: &str, login: Login) -> crate::Result<()> {
        let endpoint = Endpoint::origin(host, self.transport.trust());
        let identity = Identity::Given(login.clone());
        let session = Session::new(endpoint, &self.transport, self.settings.patience, identity);
        ping(&session).map_err(|reason| reason.when(format_args!("log in to {host}")))?;
        self.settings.logins.save(host, &login)
    }

    /// Forgets a login; whether there was one.
    pub fn logout(&self, host: &str) -> crate::Result<bool> {
        self.settings.logins.forget(host)
    }

    fn session(&self, endpoint: Endpoint) -> Arc<Session> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.entry(endpoint).or_insert_with_key(|endpoint| {
            let identity = Identity::Kept(self.settings.logins.clone());
            Arc::new(Session::new(endpoint.clone(), &self.transport, self.settings.patience, identity))
        });
        Arc::clone(session)
    }
}

fn ping(session: &Session) -> Outcome<()> {
    let request = Request::new(Method::GET, session.url("")?, Body::None);
    session.send(&request, &Scope::default(), &[200]).map(drop)
}

impl Repository<'_> {
    /// The registry itself.
    pub(super) fn origin(&self) -> Arc<Session> {
        self.client.session(Endpoint::origin(self.reference.host(), self.client.transport.trust()))
    }

    /// Asks the mirrors, and the registry itself if none of them can help. What is wrong here is wrong with all.
    pub(super) fn pull<T>(&self, mut ask: impl FnMut(&Session) -> Outcome<T>) -> Outcome<T> {
        for mirror in Endpoint::mirrors(self.reference.host(), &self.client.settings) {
            match ask(&self.client.session(mirror)) {
                Ok(answer) => return Ok(answer),
                Err(reason @ Reason::Here { .. }) => return Err(reason),
                Err(_) => {}
            }
        }
        ask(&self.origin())
    }

    /// The path of something of this repository's below `/v2/`.
    pub(super) fn path(&self, rest: impl fmt::Display) -> String {
        format!("{}/{rest}", self.reference.path())
    }

    pub(super) fn pull_scope(&self) -> Scope {
        Scope::pull(self.reference.path())
    }

    pub(super) fn push_scope(&self) -> Scope {
        Scope::push(self.reference.path())
    }
}

impl fmt::Display for Repository<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reference.familiar_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_can_share_a_client() {
        fn shared<T: Send + Sync>() {}
        shared::<Client>();
        shared::<Repository<'_>>();
    }
}
