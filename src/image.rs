//! Images made from the machine's own programs: what `run` needs where no registry can be reached. Images of layers come
//! with chapter 4; until then an image is a directory and what runs in it.

mod elf;
mod library;
mod programs;
mod starter;

use std::{
    fs::{self, File},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use crate::{
    choices::Choices,
    engine::Engine,
    failure::{Failure, Result},
    files, lock, paths,
};
use programs::Programs;

/// What an image says about the containers that are made from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Config {
    /// `KEY=value`.
    pub(crate) environment: Vec<String>,
    /// What runs in front of the command.
    pub(crate) entrypoint: Vec<String>,
    /// What runs unless the user says otherwise.
    pub(crate) command: Vec<String>,
    /// Working directory.
    pub(crate) directory: Option<PathBuf>,
    /// User.
    pub(crate) user: Option<String>,
}

/// An image that is here.
pub(crate) struct Found {
    /// Its name, without a tag.
    pub(crate) name: String,
    /// Its root, which no container writes to.
    pub(crate) root: PathBuf,
    /// What it says.
    pub(crate) config: Config,
    /// While it is held, nobody replaces the image: until the container that needs it has been written down.
    _lock: File,
}

/// What came into a new image.
pub(crate) struct Made {
    /// Regular files.
    pub(crate) files: usize,
    /// Their sizes together.
    pub(crate) bytes: u64,
}

impl Choices {
    /// A new container of this image, with nothing asked for but, perhaps, another command than the image's.
    pub fn of_image(engine: &Engine, image: &str, arguments: Vec<String>) -> Result<Self> {
        let Found { name, root, config, .. } = find(engine, image)?;
        let command = if arguments.is_empty() { config.command } else { arguments };
        let mut choices = Self::of_root(root, [config.entrypoint, command].concat())?;
        choices.image = Some(name);
        choices.environment.extend(config.environment);
        choices.directory = config.directory.unwrap_or(choices.directory);
        choices.user = config.user.unwrap_or(choices.user);
        Ok(choices)
    }
}

/// The image that needs no network: made when it is first asked for.
const STARTER: &str = "starter";

/// The image of this name.
pub(crate) fn find(engine: &Engine, reference: &str) -> Result<Found> {
    let name = reference.strip_suffix(":latest").unwrap_or(reference);
    check_name(name)
        .map_err(|failure| failure.with_hint("registries come with chapter 4; conex image ls lists what is here"))?;
    let paths = engine.paths();
    if name == STARTER && !paths.image(name).is_dir() {
        starter::make(engine)?;
    }
    if !paths.image(name).is_dir() {
        return Err(unknown(engine, name));
    }
    let lock = lock::shared(&paths.image_lock(name))?;
    let config = files::read_json(&paths.image_config(name))?;
    let config = config.ok_or_else(|| Failure::new(format!("image {name} is not whole")))?;
    Ok(Found { name: name.to_owned(), root: paths.image_root(name), config, _lock: lock })
}

fn check_name(name: &str) -> Result<()> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    let first = name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    match first && name.bytes().all(good) {
        true => Ok(()),
        false => Err(Failure::new(format!("{name:?} can't be the name of an image here"))),
    }
}

fn unknown(engine: &Engine, name: &str) -> Failure {
    let mut known = names(engine);
    if !known.iter().any(|name| name == STARTER) {
        known.push(STARTER.to_owned());
    }
    let distance = |known: &String| strsim::damerau_levenshtein(known, name);
    let near = known.iter().min_by_key(|known| distance(known)).filter(|known| distance(known) <= 1 + name.len() / 4);
    let hint = match near {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}; conex image from-host makes more", known.join(", ")),
    };
    Failure::new(format!("there is no image {name}")).with_hint(hint)
}

/// The images that are here, in order.
pub(crate) fn names(engine: &Engine) -> Vec<String> {
    let entries = fs::read_dir(engine.paths().images()).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| check_name(name).is_ok()).collect();
    names.sort_unstable();
    names
}

/// Makes an image of programs of this machine, with what they need; the first is its command.
pub(crate) fn from_host(engine: &Engine, name: &str, programs: &[String]) -> Result<Made> {
    check_name(name)?;
    let paths: Vec<PathBuf> = programs.iter().map(|program| programs::find(program)).collect::<Result<_>>()?;
    let command = vec![paths[0].to_string_lossy().into_owned()];
    make(engine, name, &paths, Config { command, ..Config::default() }, Existing::Replace)
}

/// What happens to an image of the same name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existing {
    /// Another process was faster, and made the same.
    Keep,
    /// The user wants a new one, if no container has the old.
    Replace,
}

/// Gathers everything beside the images, and moves it in when it is whole.
fn make(engine: &Engine, name: &str, programs: &[PathBuf], config: Config, existing: Existing) -> Result<Made> {
    let paths = engine.paths();
    let _lock = lock::exclusive(&paths.image_lock(name))?;
    if existing == Existing::Keep && paths.image(name).is_dir() {
        return Ok(Made { files: 0, bytes: 0 });
    }
    refuse_in_use(engine, name)?;
    let place = paths.image_in_the_making(name);
    // Whoever began this before us is dead: we have the lock.
    files::remove(&place)?;
    paths::directory(&place)?;
    let made = gather(&place, programs, &config, paths).and_then(|made| {
        files::remove(&paths.image(name))?;
        let moved = fs::rename(&place, paths.image(name));
        moved.map(|()| made).map_err(|error| Failure::io(format_args!("put image {name} in its place"), &error))
    });
    if made.is_err() {
        files::remove(&place)?;
    }
    made
}

fn refuse_in_use(engine: &Engine, name: &str) -> Result<()> {
    let user = engine
        .list()?
        .into_iter()
        .find(|entry| entry.choices.as_ref().is_ok_and(|choices| choices.image.as_deref() == Some(name)));
    match user {
        Some(entry) => {
            let id = entry.id.short();
            Err(Failure::new(format!("image {name} is used by container {id}")).with_hint(format!("conex rm {id}")))
        }
        None => Ok(()),
    }
}

fn gather(place: &std::path::Path, programs: &[PathBuf], config: &Config, paths: &crate::Paths) -> Result<Made> {
    let (root, file) = paths.image_files(place);
    let mut gathered = Programs::new(&root)?;
    programs.iter().try_for_each(|program| gathered.add_program(program))?;
    gathered.furnish()?;
    let bytes = serde_json::to_vec_pretty(config).map_err(|error| Failure::new(format!("write an image: {error}")))?;
    files::write(&file, &bytes, 0o600)?;
    Ok(gathered.made())
}
