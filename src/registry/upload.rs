//! Blobs on their way to a registry: in one request, which every registry and every proxy before it understands; or, where
//! that broke or was too much, in pieces that go on where they broke. See the OCI distribution specification, pushing blobs.

use std::{
    io::{self, Read},
    thread,
};

use conex_image::Digest;
use ureq::http::{Method, Uri};

use super::{
    blob::{Blob, Progress},
    client::Repository,
    error::{Outcome, Reason, Result},
    location,
    session::Session,
    transport::{Body, Request, Response},
};
use crate::Failure;

/// What is sent: opened as often as need be, and read from the given byte on.
pub trait Source {
    /// A reader of all bytes from this one on.
    fn open(&self, from: u64) -> io::Result<Box<dyn Read + '_>>;
}

impl Source for Vec<u8> {
    fn open(&self, from: u64) -> io::Result<Box<dyn Read + '_>> {
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(self.len());
        Ok(Box::new(&self[from..]))
    }
}

/// Small enough for proxies, large enough that requests don't count.
const PIECE_BYTES: u64 = 16 << 20;

/// A blob on its way, and what is needed for it.
struct Upload<'a> {
    session: &'a Session,
    blob: &'a Blob,
    source: &'a dyn Source,
    progress: &'a dyn Progress,
}

/// Where the next piece goes.
struct Place {
    url: Uri,
    at: u64,
    piece_bytes: u64,
}

impl Repository<'_> {
    /// Takes a blob over from another repository of the same registry; whether that could be.
    pub fn mount_blob(&self, digest: &Digest, from: &str) -> Result<bool> {
        let mount = || {
            let session = self.origin();
            let url = session.url(&self.path("blobs/uploads/"))?;
            let wrong = || Reason::from(Failure::new(format!("{from:?} is no repository")));
            let url = location::with_query(&url, "mount", &digest.to_string()).ok_or_else(wrong)?;
            let url = location::with_query(&url, "from", from).ok_or_else(wrong)?;
            let scope = self.push_scope().and(super::token::Scope::pull(from));
            let response = session.send(&Request::new(Method::POST, url, Body::Bytes(&[])), &scope, &[201, 202])?;
            if response.status == 202 {
                // The registry began an upload instead; if it can't be ended, it ends by itself.
                let url = session.location(&response)?;
                let _ = session.send_once(&Request::new(Method::DELETE, url, Body::None), &scope, &[204]);
            }
            Ok(response.status == 201)
        };
        match mount() {
            // Who may not read the other repository, or a registry that knows no mounts: the upload is left.
            Err(Reason::Unauthorized { .. } | Reason::Denied { .. } | Reason::NotFound { .. }) => Ok(false),
            Err(Reason::Status { status: 400..=499, .. }) => Ok(false),
            other => other.map_err(|reason| reason.when(format_args!("mount blob {digest} into {self}"))),
        }
    }

    /// Sends a blob, however often the connection breaks, as long as it goes on.
    pub fn upload_blob(&self, blob: &Blob, source: &dyn Source, progress: &dyn Progress) -> Result<()> {
        let session = self.origin();
        let upload = Upload { session: &session, blob, source, progress };
        let sent = match self.in_one(&upload) {
            Err(reason) if reason.may_pass() || matches!(reason, Reason::Status { status: 413, .. }) => {
                self.in_pieces(&upload)
            }
            other => other,
        };
        match sent {
            // The last answer may have got lost, and all be well.
            Err(reason) if !matches!(reason, Reason::Here { .. }) && self.has_blob(&blob.digest).unwrap_or(false) => {
                Ok(())
            }
            other => other.map_err(|reason| reason.when(format_args!("push blob {} of {self}", blob.digest))),
        }
    }

    fn in_one(&self, upload: &Upload) -> Outcome<()> {
        let place = self.begin(upload)?;
        let open = || upload.piece(0, upload.blob.size_bytes);
        let body = Body::Reader(upload.blob.size_bytes, &open);
        self.finish(upload, place, body)
    }

    fn in_pieces(&self, upload: &Upload) -> Outcome<()> {
        let mut place = self.begin(upload)?;
        let patience = upload.session.patience();
        let (mut failures, mut pause) = (0, patience.pause);
        while place.at < upload.blob.size_bytes {
            let reason = match self.send_piece(upload, &place) {
                Ok(next) => {
                    (failures, pause) = (0, patience.pause);
                    place = next;
                    continue;
                }
                Err(reason) => reason,
            };
            failures += 1;
            let range = matches!(reason, Reason::Status { status: 416, .. });
            if failures >= patience.attempts || !(reason.may_pass() || range) {
                return Err(reason);
            }
            thread::sleep(reason.wait().unwrap_or(pause));
            pause *= 2;
            // A registry that does not know any more how far it was begins anew.
            place = self.look(upload, &place).or_else(|_| self.begin(upload))?;
        }
        self.finish(upload, place, Body::Bytes(&[]))
    }

    fn begin(&self, upload: &Upload) -> Outcome<Place> {
        let url = upload.session.url(&self.path("blobs/uploads/"))?;
        let request = Request::new(Method::POST, url, Body::Bytes(&[]));
        let response = upload.session.send(&request, &self.push_scope(), &[202])?;
        let least = response.header("oci-chunk-min-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        Ok(Place { url: upload.session.location(&response)?, at: 0, piece_bytes: PIECE_BYTES.max(least) })
    }

    fn send_piece(&self, upload: &Upload, place: &Place) -> Outcome<Place> {
        let end = upload.blob.size_bytes.min(place.at + place.piece_bytes);
        let open = || upload.piece(place.at, end);
        let request = Request::new(Method::PATCH, place.url.clone(), Body::Reader(end - place.at, &open))
            .with("content-type", "application/octet-stream")
            .with("content-range", &format!("{}-{}", place.at, end - 1));
        let response = upload.session.send_once(&request, &self.push_scope(), &[202])?;
        let next = upload.place(&response, place, end)?;
        match next.at > place.at {
            true => Ok(next),
            false => Err(Reason::wrong(upload.session.host(), "it takes a piece and keeps nothing of it")),
        }
    }

    /// How far the registry is.
    fn look(&self, upload: &Upload, place: &Place) -> Outcome<Place> {
        let request = Request::new(Method::GET, place.url.clone(), Body::None);
        let response = upload.session.send(&request, &self.push_scope(), &[204])?;
        upload.place(&response, place, 0)
    }

    fn finish(&self, upload: &Upload, place: Place, body: Body) -> Outcome<()> {
        let url = location::with_query(&place.url, "digest", &upload.blob.digest.to_string());
        let url = url.ok_or_else(|| Reason::wrong(upload.session.host(), "where an upload ends is no URL"))?;
        let request = Request::new(Method::PUT, url, body).with("content-type", "application/octet-stream");
        upload.session.send_once(&request, &self.push_scope(), &[201, 204]).map(drop)
    }
}

impl Upload<'_> {
    fn piece(&self, from: u64, to: u64) -> io::Result<Box<dyn Read + '_>> {
        let inner = self.source.open(from)?.take(to - from);
        Ok(Box::new(Counted { inner, upload: self, at: from }))
    }

    /// Where an answer says to go on; `silent`, if it says nothing. Of no bytes it says `0-0`, as of one, but no piece is
    /// that small.
    fn place(&self, response: &Response, before: &Place, silent: u64) -> Outcome<Place> {
        let last = response.header("range").and_then(|range| range.rsplit('-').next()?.parse::<u64>().ok());
        let at = last.map_or(silent, |last| if last == 0 { 0 } else { last.saturating_add(1) });
        if at > self.blob.size_bytes {
            return Err(Reason::wrong(self.session.host(), "it says that it has more than was sent"));
        }
        Ok(Place { url: self.session.location(response)?, at, piece_bytes: before.piece_bytes })
    }
}

/// Tells how far it is.
struct Counted<'a, R> {
    inner: R,
    upload: &'a Upload<'a>,
    at: u64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.at += count as u64;
        self.upload.progress.so_far(&self.upload.blob.digest, self.at);
        Ok(count)
    }
}
