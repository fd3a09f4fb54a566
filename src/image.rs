//! Images: what they are called, which are here, and which are still needed. Their content is the image floor's.
//!
//! A name leads to an id, and an id to a record; both are small files of ours beside the layout that others read. Whoever
//! adds or uses an image shares one lock, and whoever removes content holds it alone: see ARCHITECTURE.md.

mod commit;
mod elf;
mod from_host;
mod import;
mod libraries;
mod listed;
mod names;
mod programs;
mod record;
mod removal;
mod resolve;
mod starter;
mod sweep;
mod transfer;

use std::{fs::File, path::PathBuf};

use conex_image::{ChainId, Config, Descriptor, Digest, Limits, Manifest, Platform, Store, config::Execution, size};

use crate::{
    choices::Choices,
    engine::Engine,
    failure::{Failure, Result},
    lock,
    paths::Paths,
    registry::Reference,
};

pub(crate) use commit::{Commit, Pause, commit};
pub(crate) use from_host::{Made, from_host};
pub(crate) use import::import;
pub(crate) use listed::Listed;
pub(crate) use record::Record;
pub(crate) use removal::{Removed, Sure, Unused};
pub(crate) use resolve::is_starter;
pub(crate) use starter::STARTER;
pub(crate) use transfer::{How, Watch, pull, push};

/// The images of an engine.
pub(crate) struct Images<'a> {
    engine: &'a Engine,
    paths: &'a Paths,
    pub(crate) store: Store,
    /// While we have it, nobody removes content: not of an image that has no record yet, nor of one that a container is
    /// about to have.
    shared: File,
}

/// An image that is here, with its layers.
pub(crate) struct Found {
    /// As the user calls it.
    pub(crate) name: String,
    pub(crate) record: Record,
    pub(crate) config: Config,
    /// The lowest first.
    pub(crate) layers: Vec<PathBuf>,
}

impl<'a> Images<'a> {
    /// Opens the store; waits while somebody removes content.
    pub(crate) fn open(engine: &'a Engine) -> Result<Self> {
        let paths = engine.paths();
        let shared = lock::shared(&paths.images_lock())?;
        Ok(Self { engine, paths, store: Store::open(&paths.images(), &paths.layers())?, shared })
    }

    /// The image that a word means, ready for a container.
    pub(crate) fn ready(&self, word: &str) -> Result<Found> {
        let record = self.find(word)?;
        let (manifest, config) = self.documents(&record)?;
        let layers = self.store.unpack(&manifest, &config, &Limits::default())?;
        Ok(Found { name: word.to_owned(), record, config, layers })
    }

    /// Its manifest and its config.
    pub(crate) fn documents(&self, record: &Record) -> Result<(Manifest, Config)> {
        Ok(self.store.image(&record.manifest, &Platform::here())?)
    }

    /// Writes down an image all of whose blobs are in the store, and unpacks it: from now on it is here.
    pub(crate) fn keep(&self, named: &Descriptor, platform: &Platform, origin: Option<String>) -> Result<Record> {
        let (named, manifest) = self.store.manifest(named, platform)?;
        let config = self.store.config(&manifest)?;
        let layers = self.store.unpack(&manifest, &config, &Limits::default())?;
        let mut record = match self.record(&manifest.config.digest)? {
            Some(record) => record,
            None => {
                let bytes = layers.iter().map(|layer| size(layer)).sum::<conex_image::Result<u64>>()?;
                Record::new(manifest.config.digest, named, &config, bytes)
            }
        };
        record.origins.extend(origin);
        self.store.sync()?;
        record.write(self.paths)?;
        Ok(record)
    }

    /// The same, made here.
    pub(crate) fn put(&self, config: &Config, layers: Vec<Descriptor>) -> Result<Record> {
        let named = self.store.put_image(config, layers)?;
        self.keep(&named, &Platform::here(), None)
    }

    /// Remembers where an image was pushed to.
    fn went_to(&self, record: &Record, origin: String) -> Result<()> {
        // Somebody else may have written it since.
        let mut record = self.record(&record.id)?.unwrap_or_else(|| record.clone());
        record.origins.insert(origin);
        record.write(self.paths)
    }

    /// Where the layers of an image are unpacked, the lowest first.
    pub(crate) fn layers(&self, config: &Config) -> Vec<PathBuf> {
        ChainId::of(&config.rootfs.diff_ids).iter().map(|id| self.store.layer(id)).collect()
    }

    /// All names of a repository.
    pub(crate) fn tags(&self, repository: &str) -> Result<Vec<Reference>> {
        let wanted = Self::reference(repository)?.familiar_name();
        let names = names::all(self.paths)?.into_keys().filter_map(|name| name.parse::<Reference>().ok());
        let tags: Vec<Reference> = names.filter(|name| name.familiar_name() == wanted).collect();
        if tags.is_empty() { Err(self.unknown(repository)?) } else { Ok(tags) }
    }

    fn record(&self, id: &Digest) -> Result<Option<Record>> {
        Record::read(self.paths, id.hex())
    }

    /// A name as an image can have it.
    pub(crate) fn reference(word: &str) -> Result<Reference> {
        word.parse::<Reference>().map_err(|error| Failure::new(error.to_string()))
    }
}

/// As image configs write times.
fn now() -> String {
    jiff::Timestamp::now().to_string()
}

impl Choices {
    /// A new container of this image, with nothing asked for but, perhaps, another command than the image's.
    pub fn of_image(engine: &Engine, image: &str, arguments: Vec<String>) -> Result<Self> {
        let Found { name, record, config, layers } = Images::open(engine)?.ready(image)?;
        let Execution { entrypoint, cmd, env, working_dir, user, .. } = config.config;
        let command = if arguments.is_empty() { cmd.unwrap_or_default() } else { arguments };
        let mut choices = Self::of_layers(layers, [entrypoint.unwrap_or_default(), command].concat())?;
        choices.image = Some(name);
        choices.image_id = Some(record.id.to_string());
        choices.environment.extend(env);
        choices.directory = Some(working_dir).filter(|path| !path.is_empty()).map_or(choices.directory, PathBuf::from);
        choices.user = Some(user).filter(|user| !user.is_empty()).unwrap_or(choices.user);
        Ok(choices)
    }
}

impl From<conex_image::Error> for Failure {
    fn from(error: conex_image::Error) -> Self {
        match error {
            conex_image::Error::System { doing, error } => Self::io(doing, &error),
            other => Self::new(other.to_string()),
        }
    }
}
