//! A server that says what a test wants, also what no server should; and that remembers what it was told.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use conex::registry::Digest;

/// One request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    /// By names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Serves until the test ends: its threads wait for connections that nobody makes.
pub(crate) struct Hostile {
    pub(crate) address: String,
    heard: Arc<Mutex<Vec<Heard>>>,
}

/// An answer, and what is done with the connection.
type Answer = dyn Fn(&Heard, &mut TcpStream) -> std::io::Result<()> + Send + Sync;

impl Hostile {
    /// Serves what this gives for each request but that for `/v2/`, which is answered as by a registry that is open.
    pub(crate) fn start(answer: impl Fn(&Heard) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::raw(move |heard, stream| {
            stream.write_all(&if heard.path == "/v2/" { say(200, &[], b"") } else { answer(heard) })
        })
    }

    /// Does what this does with each connection, after one request of it was read.
    pub(crate) fn raw(answer: impl Fn(&Heard, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let (heard, answer): (Arc<Mutex<Vec<Heard>>>, Arc<Answer>) = (Arc::default(), Arc::new(answer));
        let remembered = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (heard, answer) = (Arc::clone(&remembered), Arc::clone(&answer));
                // A client that goes away is what some tests are about.
                thread::spawn(move || serve(stream, &heard, &*answer));
            }
        });
        Self { address, heard }
    }

    /// All requests so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("no test panics while it has this").clone()
    }

    /// `127.0.0.1:PORT/x:latest`.
    pub(crate) fn image(&self) -> conex::registry::Reference {
        crate::server::reference(&format!("{}/x", self.address))
    }
}

fn serve(mut stream: TcpStream, heard: &Mutex<Vec<Heard>>, answer: &Answer) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    if reader.fill_buf().ok()?.first() == Some(&0x16) {
        // A TLS client's first word. Go's servers answer so.
        return stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n").ok();
    }
    let mut lines = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let first = lines.next()?;
    let mut words = first.split(' ');
    let mut request = Heard { method: words.next()?.into(), path: words.next()?.into(), ..Heard::default() };
    let headers =
        lines.filter_map(|line| line.split_once(": ").map(|(key, value)| (key.to_lowercase(), value.to_owned())));
    request.headers = headers.collect();
    let length = request.header("content-length").parse().unwrap_or(0);
    reader.take(length).read_to_end(&mut request.body).ok()?;
    heard.lock().ok()?.push(request.clone());
    answer(&request, &mut stream).ok()
}

/// An answer as it goes over the wire, after which the connection ends.
pub(crate) fn say(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} x\r\nconnection: close\r\n");
    let all = headers.iter().chain([("content-length", "")].iter().filter(|_| !has(headers, "content-length")));
    for (name, value) in all {
        let length = body.len().to_string();
        write!(head, "{name}: {}\r\n", if value.is_empty() { &length } else { *value }).expect("a string grows");
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

fn has(headers: &[(&str, &str)], name: &str) -> bool {
    headers.iter().any(|(own, _)| *own == name || *own == "transfer-encoding")
}

/// A manifest with its media type and, as said, its digest.
pub(crate) fn manifest(body: &[u8], digest: &str) -> Vec<u8> {
    say(200, &[("content-type", crate::image::MANIFEST), ("docker-content-digest", digest)], body)
}

/// The digest of some bytes, as text.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}
