//! One request and its answer: no redirect, no second try, no login. What went wrong is told in words of registries.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io::{self, Read},
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{CertificateError, InvalidMessage};
use ureq::{
    Agent, SendBody,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request as HttpRequest, Uri, header::AUTHORIZATION},
    unversioned::{
        resolver::DefaultResolver,
        transport::{ConnectProxyConnector, Connector, TcpConnector},
    },
};

use super::{
    error::{Outcome, Reason},
    secret::Secret,
    settings::{Patience, Settings},
    tls::Tls,
    trust::{Trust, is_loopback},
    verifier::is_of_authority,
};

/// Connections to any host, each with what it is trusted by.
pub(super) struct Transport {
    trust: Trust,
    patience: Patience,
    agents: Mutex<BTreeMap<String, Agent>>,
}

/// What is asked. It can be sent any number of times.
#[derive(Clone)]
pub(super) struct Request<'a> {
    pub(super) method: Method,
    pub(super) url: Uri,
    headers: Vec<(&'static str, String)>,
    pub(super) body: Body<'a>,
}

/// What is sent along.
#[derive(Clone, Copy)]
pub(super) enum Body<'a> {
    None,
    Bytes(&'a [u8]),
    /// So many bytes of a new reader.
    Reader(u64, &'a Open<'a>),
}

/// Opens what is to be sent, from its beginning.
pub(super) type Open<'a> = dyn Fn() -> io::Result<Box<dyn Read + 'a>> + 'a;

/// An answer whose body has not been read yet.
pub(super) struct Response {
    pub(super) url: Uri,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Box<dyn Read>,
}

const IDLE_CONNECTIONS_MAX: usize = 8;
/// Signed locations of object stores are long, and so are cookies of proxies.
const HEADER_BYTES_MAX: usize = 64 << 10;

impl Transport {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { trust: Trust::new(settings), patience: settings.patience, agents: Mutex::default() }
    }

    pub(super) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Sends the request to where its URL says.
    pub(super) fn exchange(&self, request: &Request, authorization: Option<&Secret>) -> Outcome<Response> {
        let host = request.url.authority().map(ToString::to_string).unwrap_or_default();
        let agent = self.agent(&host)?;
        let head = request.head(authorization).map_err(|error| Reason::wrong(&host, error.to_string()))?;
        let fault = RefCell::new(None);
        let sent = match request.body {
            Body::None => agent.run(head.map(|()| SendBody::none())),
            Body::Bytes(bytes) => agent.run(head.map(|()| bytes)),
            Body::Reader(_, open) => {
                let inner = open().map_err(|error| Reason::here("read what is to be sent", &error))?;
                let mut watched = Watched { inner, fault: &fault };
                agent.run(head.map(|()| SendBody::from_reader(&mut watched)))
            }
        };
        if let Some(error) = fault.into_inner() {
            return Err(Reason::here("read what is to be sent", &error));
        }
        let (head, body) = sent.map_err(|error| reason(&host, error))?.into_parts();
        let body = Box::new(body.into_reader());
        Ok(Response { url: request.url.clone(), status: head.status.as_u16(), headers: head.headers, body })
    }

    fn agent(&self, host: &str) -> Outcome<Agent> {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = agents.get(host) {
            return Ok(agent.clone());
        }
        let stall = Some(self.patience.stall);
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(stall)
            .timeout_per_read(stall)
            .timeout_per_write(stall)
            .max_response_header_size(HEADER_BYTES_MAX)
            .max_idle_connections_per_host(IDLE_CONNECTIONS_MAX)
            .user_agent(concat!("conex/", env!("CARGO_PKG_VERSION")));
        if is_loopback(host) {
            // No proxy reaches this machine's own services.
            config = config.proxy(None);
        }
        let connector = ().chain(ConnectProxyConnector::default()).chain(TcpConnector::default());
        let connector = connector.chain(Tls(Arc::new(self.trust.tls(host)?)));
        let agent = Agent::with_parts(config.build(), connector, DefaultResolver::default());
        agents.insert(host.to_owned(), agent.clone());
        Ok(agent)
    }
}

impl<'a> Request<'a> {
    pub(super) fn new(method: Method, url: Uri, body: Body<'a>) -> Self {
        Self { method, url, headers: Vec::new(), body }
    }

    /// The same with a header.
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn head(&self, authorization: Option<&Secret>) -> Result<HttpRequest<()>, ureq::http::Error> {
        let mut head = HttpRequest::builder().method(self.method.clone()).uri(self.url.clone());
        for (name, value) in &self.headers {
            head = head.header(HeaderName::from_static(name), hidden(value)?);
        }
        if let Body::Reader(bytes, _) = self.body {
            head = head.header("content-length", bytes);
        }
        if let Some(secret) = authorization {
            head = head.header(AUTHORIZATION, hidden(secret.reveal())?);
        }
        head.body(())
    }
}

/// A value that no log of ureq's shows.
fn hidden(value: &str) -> Result<HeaderValue, ureq::http::Error> {
    let mut value = HeaderValue::from_str(value)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Keeps an error of ours apart from those of the connection.
struct Watched<'a> {
    inner: Box<dyn Read + 'a>,
    fault: &'a RefCell<Option<io::Error>>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).inspect_err(|error| {
            let copy =
                error.raw_os_error().map_or_else(|| io::Error::other(error.to_string()), io::Error::from_raw_os_error);
            self.fault.replace(Some(copy));
        })
    }
}

/// The longest message of a registry that is read.
const MESSAGE_BYTES_MAX: u64 = 64 << 10;
/// And shown.
const MESSAGE_CHARS_MAX: usize = 300;

impl Response {
    /// A header's text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The length of the body, if it is told.
    pub(super) fn length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// The whole body, if it is no longer than this.
    pub(super) fn bytes(mut self, bytes_max: u64) -> Outcome<Vec<u8>> {
        let host = self.url.authority().map(ToString::to_string).unwrap_or_default();
        let long = || Reason::wrong(&host, format!("more than {bytes_max} bytes, which is the most that is read"));
        if self.length().is_some_and(|length| length > bytes_max) {
            return Err(long());
        }
        let mut bytes = Vec::new();
        let read = self.body.by_ref().take(bytes_max + 1).read_to_end(&mut bytes);
        read.map_err(|error| reason(&host, error.into()))?;
        if bytes.len() as u64 > bytes_max { Err(long()) } else { Ok(bytes) }
    }

    /// Why an answer with another status than the expected ones is none.
    pub(super) fn refusal(self, host: &str) -> Reason {
        let (host, status) = (host.to_owned(), self.status);
        let wait_secs = self.header("retry-after").and_then(|text| text.parse().ok());
        let said = self.said();
        match status {
            401 => Reason::Unauthorized { host, said },
            403 => Reason::Denied { host, said },
            404 => Reason::NotFound { said },
            400 if said.contains("HTTP request to an HTTPS server") => Reason::NeedsTls { host },
            _ => Reason::Status { host, status, wait_secs, said },
        }
    }

    /// The message of an error in the specification's form, or a short text; without anything that moves a cursor.
    fn said(self) -> String {
        let mut bytes = Vec::new();
        // What can't be read tells nothing.
        let _ = self.body.take(MESSAGE_BYTES_MAX).read_to_end(&mut bytes);
        let text = match serde_json::from_slice::<serde_json::Value>(&bytes) {
            Ok(json) => message(&json["errors"][0]),
            Err(_) => String::from_utf8_lossy(&bytes).into_owned(),
        };
        let page = text.trim_start().starts_with('<');
        let line: String =
            text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE_CHARS_MAX).collect();
        if line.is_empty() || page { String::new() } else { format!(": {line}") }
    }
}

fn message(error: &serde_json::Value) -> String {
    let text = |key: &str| error[key].as_str().unwrap_or_default();
    if text("message").is_empty() { text("code").to_lowercase() } else { text("message").to_owned() }
}

/// What an error of the connection means.
pub(super) fn reason(host: &str, error: ureq::Error) -> Reason {
    let host = host.to_owned();
    match error {
        ureq::Error::HostNotFound => Reason::NoSuchHost { host },
        ureq::Error::Timeout(_) => Reason::Stalled { host },
        ureq::Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(error) => tls(host, error),
            None => broken(host, &error),
        },
        ureq::Error::Protocol(error) => Reason::Wrong { host, what: error.to_string() },
        error => Reason::Broken { host, cause: error.to_string() },
    }
}

fn broken(host: String, error: &io::Error) -> Reason {
    // The standard library gives this error no kind.
    let resolving = error.raw_os_error().is_none() && error.to_string().starts_with("failed to lookup address");
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Reason::Refused { host },
        _ if resolving => Reason::NoSuchHost { host },
        _ => {
            let cause = error.raw_os_error().map_or_else(|| error.to_string(), crate::kernel::errno_words);
            Reason::Broken { host, cause }
        }
    }
}

fn tls(host: String, error: &rustls::Error) -> Reason {
    match error {
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Reason::PlainHttp { host },
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => Reason::Unsigned { host },
        error if is_of_authority(error) => Reason::Authority { host },
        rustls::Error::InvalidCertificate(why) => Reason::Certificate { host, why: why.to_string() },
        error => Reason::Broken { host, cause: error.to_string() },
    }
}
