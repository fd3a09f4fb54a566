//! Buildah in the peers' host. It has podman's storage and configuration, hence the same image.

use std::process::Command;

use anyhow::Result;

use super::{image, podman};
use crate::run;

const CONTAINER: &str = "probe";

/// Makes a working container of the image, runs a command in it, and removes it.
pub(crate) fn start() -> Result<()> {
    buildah(&["from", "--pull-never", "--name", CONTAINER, image::NAME])?;
    let ran = buildah(&["run", CONTAINER, "true"]);
    buildah(&["rm", CONTAINER])?;
    ran
}

fn buildah(arguments: &[&str]) -> Result<()> {
    run::output(Command::new("buildah").args(arguments).env("CONTAINERS_CONF", podman::CONF)).map(drop)
}
