//! Blobs: layers and configs, by their digest. They come in a stream that goes on where it broke. See the OCI distribution
//! specification, pulling blobs, and RFC 9110, 14 (ranges).

use std::io::{self, Read};

use conex_image::Digest;
use ureq::http::Method;

use super::{
    client::Repository,
    error::{Outcome, Reason, Result},
    session::Session,
    transport::{self, Body, Request, Response},
};

/// What is asked for: a manifest says both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Its name.
    pub digest: Digest,
    /// Not one byte more is taken.
    pub size_bytes: u64,
}

/// Takes a blob. It hashes what it takes: only it can say whether the whole is what its digest promises.
pub trait Sink {
    /// Takes the next bytes, all of them.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// How many were taken, also by an earlier attempt: the next are those after them.
    fn written(&self) -> u64;
}

impl Sink for Vec<u8> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }

    fn written(&self) -> u64 {
        self.len() as u64
    }
}

/// Hears how far a transfer is. `()` does not care.
pub trait Progress: Sync {
    /// So many bytes of this blob are there.
    fn so_far(&self, digest: &Digest, bytes: u64);
}

impl Progress for () {
    fn so_far(&self, _: &Digest, _: u64) {}
}

/// As much as a read of a socket brings at best.
pub(super) const BUFFER_BYTES: usize = 128 << 10;
/// The largest blob that is held in memory: a config.
const SMALL_BYTES_MAX: u64 = 4 << 20;

impl Repository<'_> {
    /// Whether the registry itself has a blob.
    pub fn has_blob(&self, digest: &Digest) -> Result<bool> {
        let ask = || {
            let session = self.origin();
            let request =
                Request::new(Method::HEAD, session.url(&self.path(format_args!("blobs/{digest}")))?, Body::None);
            session.send(&request, &self.pull_scope(), &[200])
        };
        match ask() {
            Ok(_) => Ok(true),
            Err(Reason::NotFound { .. }) => Ok(false),
            Err(reason) => Err(reason.when(format_args!("ask for blob {digest} of {self}"))),
        }
    }

    /// Brings what the sink does not have yet, however often the connection breaks, as long as it goes on. When it is
    /// done, the sink has as many bytes as it should; whether they are right, it must know itself.
    pub fn blob(&self, blob: &Blob, sink: &mut dyn Sink, progress: &dyn Progress) -> Result<()> {
        let fetched = self.pull(|session| {
            loop {
                let before = sink.written();
                let fetched = session.patiently(|| self.fetch(session, blob, sink, progress));
                match fetched {
                    Err(reason) if reason.may_pass() && sink.written() > before => {}
                    other => return other,
                }
            }
        });
        fetched.map_err(|reason| reason.when(format_args!("pull blob {} of {self}", blob.digest)))
    }

    /// A small blob, such as a config, whose bytes are those of its digest.
    pub fn small_blob(&self, blob: &Blob) -> Result<Vec<u8>> {
        let attempt = || format!("pull blob {} of {self}", blob.digest);
        if blob.size_bytes > SMALL_BYTES_MAX {
            let what = format!("{} bytes are too many for what it should be", blob.size_bytes);
            return Err(Reason::wrong(self.reference.host(), what).when(attempt()));
        }
        let mut bytes = Vec::new();
        self.blob(blob, &mut bytes, &())?;
        match Digest::of(&bytes) {
            digest if digest == blob.digest => Ok(bytes),
            digest => Err(Reason::wrong(self.reference.host(), format!("it is {digest}")).when(attempt())),
        }
    }

    /// One request, for all that is missing.
    fn fetch(&self, session: &Session, blob: &Blob, sink: &mut dyn Sink, progress: &dyn Progress) -> Outcome<()> {
        let from = sink.written();
        if from >= blob.size_bytes {
            return Ok(());
        }
        let url = session.url(&self.path(format_args!("blobs/{}", blob.digest)))?;
        let mut request = Request::new(Method::GET, url, Body::None);
        if from > 0 {
            request = request.with("range", &format!("bytes={from}-"));
        }
        let mut response = session.send_once(&request, &self.pull_scope(), &[200, 206])?;
        let begin = begin(session, blob, from, &response)?;
        let mut stream = Stream { session, left: blob.size_bytes - begin, response: &mut response };
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut at = begin;
        while at < blob.size_bytes {
            let bytes = stream.next(&mut buffer)?;
            // A server that knows no ranges begins with what is there already.
            let known = usize::try_from(from.saturating_sub(at)).unwrap_or(usize::MAX).min(bytes.len());
            at += bytes.len() as u64;
            if known < bytes.len() {
                sink.write(&bytes[known..]).map_err(|error| Reason::here("keep what came", &error))?;
                progress.so_far(&blob.digest, at);
            }
        }
        stream.end()
    }
}

/// Where an answer begins: where we asked it to, or at the blob's beginning.
fn begin(session: &Session, blob: &Blob, from: u64, response: &Response) -> Outcome<u64> {
    let begin = if response.status == 206 { from } else { 0 };
    let range = format!("bytes {from}-{}/{}", blob.size_bytes - 1, blob.size_bytes);
    let told = response.header("content-range").unwrap_or_default();
    let due = blob.size_bytes - begin;
    let wrong = if response.status == 206 && told != range {
        format!("it sends {told:?} and not {range:?}")
    } else if let Some(length) = response.length().filter(|length| *length != due) {
        format!("it has {length} bytes where {due} are due")
    } else {
        return Ok(begin);
    };
    Err(Reason::wrong(session.host(), wrong))
}

/// The rest of a blob, not one byte more.
struct Stream<'a> {
    session: &'a Session,
    response: &'a mut Response,
    left: u64,
}

impl Stream<'_> {
    /// The next bytes, at least one.
    fn next<'b>(&mut self, buffer: &'b mut [u8]) -> Outcome<&'b [u8]> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.response.body.read(&mut buffer[..most]);
        let count = count.map_err(|error| transport::reason(self.session.host(), error.into()))?;
        if count == 0 {
            let cause = format!("it ends {} bytes too early", self.left);
            return Err(Reason::Broken { host: self.session.host().to_owned(), cause });
        }
        self.left -= count as u64;
        Ok(&buffer[..count])
    }

    /// Refuses what is longer than it should be.
    fn end(self) -> Outcome<()> {
        match self.response.body.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(Reason::wrong(self.session.host(), "it is longer than it should be")),
            Err(error) => Err(transport::reason(self.session.host(), error.into())),
        }
    }
}
