//! What a registry serves by name: a manifest, which is one image, or an index of several. Docker's own and OCI's are
//! the same but for their names. See the OCI image specification, manifest.md and image-index.md.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Descriptor, Error, Platform, Result, limits::DOCUMENT_BYTES_MAX};

/// Media types that we write; docker's are read, too.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// One of both.
#[derive(Clone, Debug)]
pub enum Document {
    /// One image.
    Manifest(Manifest),
    /// Several, one for each kind of machine.
    Index(Index),
}

/// One image: its config, and its layers, the lowest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    schema_version: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    media_type: String,
    /// How it is run.
    pub config: Descriptor,
    /// What it is made of.
    pub layers: Vec<Descriptor>,
    /// What we do not know.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Several images.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    schema_version: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    media_type: String,
    /// Manifests, or indexes again.
    pub manifests: Vec<Descriptor>,
}

impl Document {
    // ANCHOR: document
    /// Reads bytes that were served as `media_type`. What could be taken for both is refused: CVE-2021-41190.
    #[doc(alias = "exercise:image.document")]
    pub fn parse(media_type: &str, bytes: &[u8]) -> Result<Self> {
        use serde::de::IgnoredAny;

        /// What tells one from the other.
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Shape {
            schema_version: u32,
            media_type: Option<String>,
            layers: Option<IgnoredAny>,
            manifests: Option<IgnoredAny>,
        }

        let refused = |why: String| Error::document(format!("a document served as {media_type:?}"), why);
        let shape: Shape = json(media_type, bytes)?;
        if shape.media_type.as_ref().is_some_and(|own| own != media_type) {
            return Err(refused(format!("it calls itself {:?}", shape.media_type.unwrap_or_default())));
        }
        if shape.schema_version != 2 {
            return Err(refused(format!("it is of version {}, and only 2 is known", shape.schema_version)));
        }
        match (media_type, shape.layers.is_some(), shape.manifests.is_some()) {
            (_, true, true) => Err(refused("it has both layers and manifests".into())),
            (MANIFEST | DOCKER_MANIFEST, true, false) => json(media_type, bytes).map(Self::Manifest),
            (INDEX | DOCKER_INDEX, false, true) => json(media_type, bytes).map(Self::Index),
            (MANIFEST | DOCKER_MANIFEST, ..) => Err(refused("it has no layers".into())),
            (INDEX | DOCKER_INDEX, ..) => Err(refused("it has no manifests".into())),
            _ => Err(refused("neither manifests nor indexes are called that".into())),
        }
    }
    // ANCHOR_END: document
}

impl Manifest {
    /// A new one, in OCI's form.
    #[must_use]
    pub fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: MANIFEST.into(), config, layers, rest: Map::new() }
    }
}

impl Index {
    pub(crate) fn new(manifests: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: INDEX.into(), manifests }
    }

    /// The entry for such a machine; of an index of one, that one, if it says nothing of machines.
    pub fn choose(&self, platform: &Platform) -> Result<&Descriptor> {
        let fits = |entry: &&Descriptor| entry.platform.as_ref().is_some_and(|other| platform.runs(other));
        match (self.manifests.iter().find(fits), self.manifests.as_slice()) {
            (Some(entry), _) => Ok(entry),
            (None, [only]) if only.platform.is_none() => Ok(only),
            _ => Err(Error::document("the index", format!("it has nothing for {platform}"))),
        }
    }
}

/// Bytes of a document, if it is not too large to be one.
pub(crate) fn json<'a, T: Deserialize<'a>>(what: &str, bytes: &'a [u8]) -> Result<T> {
    if bytes.len() as u64 > DOCUMENT_BYTES_MAX {
        let why = format!("it has {} bytes, and {DOCUMENT_BYTES_MAX} are accepted", bytes.len());
        return Err(Error::document(what, why));
    }
    serde_json::from_slice(bytes).map_err(|error| Error::document(what, error))
}

/// Its bytes, as we write it.
pub(crate) fn written(document: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(document).map_err(|error| Error::document("what we write", error))
}

/// Refuses what is not called a layer. How a layer is packed its content alone says: docker calls whatever it pushes gzip's.
pub(crate) fn check_layer(layer: &Descriptor) -> Result<()> {
    let oci = "application/vnd.oci.image.layer.";
    let docker = "application/vnd.docker.image.rootfs.";
    let kind = layer.media_type.strip_prefix(oci).map(|rest| rest.trim_start_matches("nondistributable."));
    let kind = kind.or(layer.media_type.strip_prefix(docker).map(|rest| rest.trim_start_matches("foreign.")));
    match kind {
        Some("v1.tar" | "v1.tar+gzip" | "v1.tar+zstd" | "diff.tar" | "diff.tar.gzip" | "diff.tar.zstd") => Ok(()),
        _ => {
            let why = format!("{:?} is not the type of a layer", layer.media_type);
            Err(Error::document(format!("layer {}", layer.digest), why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = r#"{"mediaType":"t","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0,"urls":["http://x"]}"#;

    fn said(media_type: &str, text: &str) -> String {
        Document::parse(media_type, text.as_bytes()).expect_err("refused").to_string()
    }

    #[test]
    fn docker_s_and_oci_s_are_read_and_urls_are_not() {
        let manifest = format!(r#"{{"schemaVersion":2,"config":{A},"layers":[{A},{A}],"annotations":{{"a":"b"}}}}"#);
        for media_type in [MANIFEST, DOCKER_MANIFEST] {
            let read = Document::parse(media_type, manifest.as_bytes()).expect("a manifest");
            let Document::Manifest(read) = read else { panic!("{read:?}") };
            assert_eq!((read.layers.len(), read.rest.len()), (2, 1));
            assert!(!serde_json::to_string(&read).expect("written").contains("http"));
        }
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{A}]}}"#);
        for media_type in [INDEX, DOCKER_INDEX] {
            let read = Document::parse(media_type, index.as_bytes()).expect("an index");
            assert!(matches!(read, Document::Index(index) if index.manifests.len() == 1));
        }
    }

    #[test]
    fn a_document_that_does_not_name_its_type_is_written_without_one() {
        let text = format!(r#"{{"schemaVersion":2,"config":{A},"layers":[{A}]}}"#);
        let Ok(Document::Manifest(read)) = Document::parse(MANIFEST, text.as_bytes()) else { panic!("a manifest") };
        Document::parse(MANIFEST, &written(&read).expect("written")).expect("a manifest");
        let text = r#"{"schemaVersion":2,"manifests":[]}"#;
        let Ok(Document::Index(read)) = Document::parse(INDEX, text.as_bytes()) else { panic!("an index") };
        assert_eq!(written(&read).expect("written"), text.as_bytes());
    }

    #[test]
    fn cve_2021_41190_a_document_that_is_two_is_refused() {
        let both = format!(r#"{{"schemaVersion":2,"config":{A},"layers":[{A}],"manifests":[{A}]}}"#);
        for media_type in [MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_INDEX] {
            assert!(said(media_type, &both).contains("both layers and manifests"));
        }
        let own = format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","config":{A},"layers":[{A}]}}"#);
        assert!(said(MANIFEST, &own).contains("it calls itself"), "{}", said(MANIFEST, &own));
        assert!(said(INDEX, &own.replace("index", "manifest")).contains("it calls itself"));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        let manifest = format!(r#"{{"schemaVersion":2,"config":{A},"layers":[{A}]}}"#);
        assert!(said(INDEX, &manifest).contains("it has no manifests"));
        assert!(said("text/html", &manifest).contains("neither"));
        assert!(said(MANIFEST, &manifest.replace(":2,", ":1,")).contains("of version 1"));
        assert!(said(MANIFEST, &manifest.replace("sha256:e3", "sha256:../")).contains("is no digest"));
        assert!(said(MANIFEST, &manifest.replace("\"layers\"", "\"layers\":[],\"layers\"")).contains("duplicate"));
        let large = format!("{manifest}{}", " ".repeat(4 << 20));
        assert!(said(MANIFEST, &large).contains("4194304 are accepted"), "{}", said(MANIFEST, &large));
    }

    #[test]
    fn a_layer_is_called_one() {
        let check = |media_type: &str| check_layer(&Descriptor::of(media_type, b""));
        let (oci, docker) = ("application/vnd.oci.image.layer", "application/vnd.docker.image.rootfs");
        for end in ["v1.tar", "v1.tar+gzip", "v1.tar+zstd", "nondistributable.v1.tar+gzip"] {
            check(&format!("{oci}.{end}")).expect(end);
        }
        for end in ["diff.tar", "diff.tar.gzip", "diff.tar.zstd", "foreign.diff.tar.gzip"] {
            check(&format!("{docker}.{end}")).expect(end);
        }
        for other in ["", "text/html", MANIFEST, &format!("{oci}.v1.tar+xz"), "v1.tar"] {
            assert!(check(other).is_err(), "{other}");
        }
    }
}
