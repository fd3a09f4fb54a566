//! An image of what a container has become: the image that it has, and one layer more.

use conex_image::{Config, Descriptor, Layer, config::History};

use super::{Images, Record};
use crate::{
    choices::Choices,
    cli::Change,
    environment::is_own_variable,
    failure::{Failure, Result},
    namespaces::ContainerId,
};

/// How it is made.
pub(crate) struct Commit {
    pub(crate) author: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) changes: Vec<Change>,
    pub(crate) pause: Pause,
}

/// Whether the container goes on writing meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    No,
    Yes,
}

/// Makes a layer of what the container wrote, and an image with it.
pub(crate) fn commit(images: &Images<'_>, id: &ContainerId, asked: &Commit) -> Result<Record> {
    let choices = Choices::read(images.paths, id)?;
    let Some(image) = choices.image_id.as_deref().map(|id| images.find(id)).transpose()? else {
        let message = format!("container {} has a directory of yours as its root, not an image", id.short());
        return Err(Failure::new(message).with_hint("tar it, and conex import it"));
    };
    let layer = match asked.pause {
        Pause::Yes => {
            let _still = images.engine.freeze(id)?;
            layer(images, id)?
        }
        Pause::No => layer(images, id)?,
    };
    let (mut manifest, mut config) = images.documents(&image)?;
    if images.paths.copy(id).is_dir() {
        manifest.layers.clear();
        flatten(&mut config);
    }
    let layers: Vec<Descriptor> = manifest.layers.into_iter().chain([layer.blob]).collect();
    images.put(&grown(config, &choices, layer.diff_id, asked), layers)
}

/// A copy is a layer of its own, and all that the image consists of.
fn flatten(config: &mut Config) {
    config.rootfs.diff_ids.clear();
    config.history.iter_mut().for_each(|step| step.empty_layer = true);
}

fn layer(images: &Images<'_>, id: &ContainerId) -> Result<Layer> {
    let written = [images.paths.upper(id), images.paths.copy(id)].into_iter().find(|path| path.is_dir());
    match written {
        Some(written) => Ok(images.store.make(&written, &[])?),
        None => Ok(images.store.make(images.store.making()?.path(), &[])?),
    }
}

/// What the image said, with what the container was told and what shall change.
fn grown(mut config: Config, choices: &Choices, diff_id: conex_image::Digest, asked: &Commit) -> Config {
    let created = Some(super::now());
    config.created.clone_from(&created);
    config.rootfs.diff_ids.push(diff_id);
    let execution = &mut config.config;
    let (entrypoint, command) = choices.arguments.split_at(choices.entrypoint_words.min(choices.arguments.len()));
    let some = |words: &[String]| (!words.is_empty()).then(|| words.to_vec());
    (execution.entrypoint, execution.cmd) = (some(entrypoint), some(command));
    execution.user.clone_from(&choices.user);
    execution.working_dir = choices.directory.to_string_lossy().into_owned();
    execution.env = choices.environment.iter().filter(|entry| !is_own_variable(entry)).cloned().collect();
    execution.labels.clone_from(&choices.labels);
    asked.changes.iter().for_each(|change| change.apply(execution));
    let mut step = History { created, created_by: Some(choices.arguments.join(" ")), ..History::default() };
    let mut note = |key: &str, value: &Option<String>| {
        step.rest.extend(value.iter().map(|value| (key.to_owned(), value.clone().into())));
    };
    note("comment", &asked.message);
    note("author", &asked.author);
    config.rest.extend(asked.author.iter().map(|author| ("author".to_owned(), author.clone().into())));
    config.history.push(step);
    config
}
