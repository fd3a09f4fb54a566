//! An image of this machine's own programs: what `run` needs where no registry can be reached.

use conex_image::{Config, Execution, History, Platform, RootFs};

use super::{Images, Record, programs::{self, Programs}};
use crate::{
    choices::PATH,
    failure::Result,
    state::now_rfc3339,
};

/// What came into a new image.
pub(crate) struct Made {
    /// Regular files.
    pub(crate) files: usize,
    /// Their sizes together.
    pub(crate) bytes: u64,
}

/// Makes an image of programs, with what they need; the first is its command.
pub(crate) fn from_host(images: &Images<'_>, name: &str, words: &[String]) -> Result<Made> {
    let name = Images::reference(name)?;
    let paths = words.iter().map(|program| programs::find(program)).collect::<Result<Vec<_>>>()?;
    let command = vec![paths[0].to_string_lossy().into_owned()];
    let (record, made) = make(images, &paths, command)?;
    images.name(&record, &name)?;
    Ok(made)
}

/// Gathers the programs, and makes a layer of them.
pub(super) fn make(images: &Images<'_>, paths: &[std::path::PathBuf], command: Vec<String>) -> Result<(Record, Made)> {
    let place = images.store.making()?;
    let mut gathered = Programs::new(place.path())?;
    paths.iter().try_for_each(|program| gathered.add_program(program))?;
    gathered.furnish()?;
    let layer = images.store.make(place.path(), &[])?;
    let Platform { architecture, os, variant } = Platform::here();
    let created = Some(now_rfc3339());
    let history = History { created: created.clone(), created_by: Some("conex image from-host".into()), ..History::default() };
    let config = Config {
        architecture,
        os,
        variant,
        created,
        config: Execution { env: vec![PATH.to_owned()], cmd: Some(command), ..Execution::default() },
        rootfs: RootFs { kind: "layers".into(), diff_ids: vec![layer.diff_id] },
        history: vec![history],
        rest: serde_json::Map::new(),
    };
    Ok((images.put(&config, vec![layer.blob])?, gathered.made()))
}
