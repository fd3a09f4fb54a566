//! The cgroups of the peers' host: one in each hierarchy of the machine, named by the `peers` that makes them.

use std::path::Path;

use anyhow::Result;
use testkit::Cgroups;

use crate::say::complain;

const PREFIX: &str = "conex-peers-";

/// The cgroups that belong to the `peers` with that pid. Makes none yet.
pub(crate) fn of(maker: u32) -> Result<Cgroups> {
    Ok(Cgroups::new(format!("{PREFIX}{maker}"))?)
}

/// Removes what a `peers` left that was killed with SIGKILL and could not, wherever in the tree it was.
pub(crate) fn remove_abandoned() {
    let gone = |maker: &str| !Path::new("/proc").join(maker).exists();
    if let Err(error) = Cgroups::remove_abandoned(PREFIX, &gone) {
        complain(&format!("warning: cgroups are left by an earlier run: {error}"));
    }
}
