//! Podman in the peers' host: its configuration, which buildah reads too, and the image in its storage.
//! No daemon: each command is whole. See containers.conf(5) and containers-storage.conf(5).

use std::{fs, process::Command};

use anyhow::Result;

use super::image;
use crate::run;

/// Where its configuration is, as in `CONTAINERS_CONF`.
pub(crate) const CONF: &str = "/etc/containers/containers.conf";

/// There is no systemd to ask for cgroups, and no journal.
const ENGINE: &str = "\
[containers]
log_driver = \"k8s-file\"
[engine]
cgroup_manager = \"cgroupfs\"
events_logger = \"file\"
";

const STORAGE: &str = "\
[storage]
driver = \"overlay\"
graphroot = \"/var/lib/containers/storage\"
runroot = \"/run/containers/storage\"
";

/// Replaces the machine's configuration, if it has any.
pub(crate) fn configure() -> Result<()> {
    fs::create_dir_all("/etc/containers")?;
    fs::write(CONF, ENGINE)?;
    Ok(fs::write("/etc/containers/storage.conf", STORAGE)?)
}

/// Stores the image and runs a container.
pub(crate) fn start() -> Result<()> {
    podman(&["import", "--quiet", image::ARCHIVE, image::NAME])?;
    podman(&["run", "--rm", "--network=none", image::NAME, "true"])
}

fn podman(arguments: &[&str]) -> Result<()> {
    run::output(Command::new("podman").args(arguments).env("CONTAINERS_CONF", CONF)).map(drop)
}
