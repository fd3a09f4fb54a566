//! Manifests: the small documents that say what an image consists of. Here they are bytes that must be those of their
//! digest; what is in them is the image floor's. See the OCI distribution specification, pull and push.

use conex_image::Digest;
use ureq::http::Method;

use super::{
    client::Repository,
    error::{Outcome, Reason, Result},
    reference::Version,
    session::Session,
    transport::{Body, Request, Response},
};

/// The media types that we ask for: an image or an index of images, in OCI's words and in docker's.
pub const ACCEPTED: [&str; 4] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// The specification wants registries to take as much, and nobody needs more.
const MANIFEST_BYTES_MAX: u64 = 4 << 20;

/// A manifest as it was served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Exactly what came.
    pub bytes: Vec<u8>,
    /// What the registry says that it is.
    pub media_type: String,
    /// Of the bytes.
    pub digest: Digest,
}

/// What a registry says of a manifest without sending it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub media_type: String,
    /// Its digest, if the registry tells.
    pub digest: Option<Digest>,
    /// Its size, if the registry tells.
    pub size_bytes: Option<u64>,
}

impl Repository<'_> {
    /// Fetches a manifest whose bytes are those of its digest.
    pub fn manifest(&self, version: &Version) -> Result<Served> {
        let served = self.pull(|session| {
            let request = self.manifest_request(session, Method::GET, version)?;
            session.patiently(|| served(session, version, session.send_once(&request, &self.pull_scope(), &[200])?))
        });
        served.map_err(|reason| reason.when(format_args!("pull manifest {version} of {self}")))
    }

    /// Asks for a manifest without fetching it.
    pub fn stat(&self, version: &Version) -> Result<Stat> {
        let stat = self.pull(|session| {
            let request = self.manifest_request(session, Method::HEAD, version)?;
            let response = session.send(&request, &self.pull_scope(), &[200])?;
            let digest = told_digest(session, &response)?;
            Ok(Stat { media_type: media_type(&response), digest, size_bytes: response.length() })
        });
        stat.map_err(|reason| reason.when(format_args!("ask for manifest {version} of {self}")))
    }

    /// Puts a manifest where a tag or its digest says. What it names must be there already.
    pub fn put_manifest(&self, version: &Version, media_type: &str, bytes: &[u8]) -> Result<Digest> {
        let put = || -> Outcome<Digest> {
            let session = self.origin();
            let url = session.url(&self.path(format_args!("manifests/{version}")))?;
            let request = Request::new(Method::PUT, url, Body::Bytes(bytes)).with("content-type", media_type);
            let response = session.send(&request, &self.push_scope(), &[200, 201, 202])?;
            let digest = Digest::of(bytes);
            same(&session, [told_digest(&session, &response)?, None], &digest)?;
            Ok(digest)
        };
        put().map_err(|reason| reason.when(format_args!("push manifest {version} of {self}")))
    }

    fn manifest_request(&self, session: &Session, method: Method, version: &Version) -> Outcome<Request<'static>> {
        let url = session.url(&self.path(format_args!("manifests/{version}")))?;
        Ok(Request::new(method, url, Body::None).with("accept", &ACCEPTED.join(", ")))
    }
}

fn served(session: &Session, version: &Version, response: Response) -> Outcome<Served> {
    let (media_type, told) = (media_type(&response), told_digest(session, &response)?);
    let bytes = response.bytes(MANIFEST_BYTES_MAX)?;
    let digest = Digest::of(&bytes);
    let asked = match version {
        Version::Digest(asked) => Some(asked.clone()),
        Version::Tag(_) => None,
    };
    same(session, [asked, told], &digest)?;
    Ok(Served { bytes, media_type, digest })
}

/// Refuses another name than the bytes have.
fn same(session: &Session, named: [Option<Digest>; 2], digest: &Digest) -> Outcome<()> {
    match named.iter().flatten().find(|named| *named != digest) {
        Some(named) => Err(Reason::wrong(session.host(), format!("what it calls {named} is {digest}"))),
        None => Ok(()),
    }
}

/// What a header says of the digest: nothing, or one that may be the name of a file.
fn told_digest(session: &Session, response: &Response) -> Outcome<Option<Digest>> {
    let told = response.header("docker-content-digest").map(str::parse);
    told.transpose().map_err(|error: conex_image::BadDigest| Reason::wrong(session.host(), error.to_string()))
}

/// Without parameters, such as a character set.
fn media_type(response: &Response) -> String {
    let whole = response.header("content-type").unwrap_or_default();
    whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
