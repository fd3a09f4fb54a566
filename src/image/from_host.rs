//! An image of this machine's own programs: what `run` needs where no registry can be reached.

use std::path::PathBuf;

use conex_image::config::Execution;

use super::{
    Images, Record,
    import::new_config,
    programs::{self, Programs},
};
use crate::{environment::PATH, failure::Result};

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
pub(super) fn make(images: &Images<'_>, paths: &[PathBuf], command: Vec<String>) -> Result<(Record, Made)> {
    let place = images.store.making()?;
    let mut gathered = Programs::new(place.path())?;
    paths.iter().try_for_each(|program| gathered.add_program(program))?;
    gathered.furnish()?;
    let layer = images.store.make(place.path(), &[])?;
    let execution = Execution { env: vec![PATH.to_owned()], cmd: Some(command), ..Execution::default() };
    let config = new_config(execution, layer.diff_id, Some("conex image from-host".to_owned()));
    Ok((images.put(&config, vec![layer.blob])?, gathered.made()))
}
