//! An image of one layer: the archive of a root.

use std::io::Read;

use conex_image::{
    Config, Limits, Platform,
    config::{Execution, History, RootFs},
};

use super::{Images, Record};
use crate::{cli::Change, failure::Result};

/// Makes an image of a tar, packed or not.
pub(crate) fn import(
    images: &Images<'_>,
    archive: impl Read,
    message: Option<String>,
    changes: &[Change],
) -> Result<Record> {
    let layer = images.store.import(archive, &Limits::default())?;
    let mut execution = Execution::default();
    changes.iter().for_each(|change| change.apply(&mut execution));
    let mut config = new_config(execution, layer.diff_id, None);
    config.history.iter_mut().for_each(|step| {
        step.rest.extend(message.iter().map(|message| ("comment".to_owned(), message.clone().into())));
    });
    images.put(&config, vec![layer.blob])
}

/// What an image of one layer says.
pub(super) fn new_config(execution: Execution, diff_id: conex_image::Digest, created_by: Option<String>) -> Config {
    let Platform { architecture, os, variant } = Platform::here();
    let created = Some(super::now());
    let step = History { created: created.clone(), created_by, ..History::default() };
    Config {
        architecture,
        os,
        variant,
        created,
        config: execution,
        rootfs: RootFs { kind: "layers".into(), diff_ids: vec![diff_id] },
        history: vec![step],
        rest: serde_json::Map::new(),
    }
}
