//! The image `peer`: a static busybox with links for its applets, as a directory and as a tar archive.
//! No registry is asked for anything.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use anyhow::{Context, Result};

use crate::{packages, run};

/// What docker and podman call it.
pub(crate) const NAME: &str = "peer";
/// The root of the image's file system.
pub(crate) const ROOTFS: &str = "/run/peers/rootfs";
/// The same as an archive.
pub(crate) const ARCHIVE: &str = "/run/peers/peer.tar";

const APPLETS: &[&str] = &[
    "sh", "true", "false", "cat", "env", "ls", "id", "sleep", "hostname", "mount", "ps", "grep", "sort", "stat",
    "readlink", "tty", "stty",
];
const DIRECTORIES: &[&str] = &["bin", "dev", "etc", "proc", "root", "sys", "tmp"];

/// Makes both forms.
pub(crate) fn make() -> Result<()> {
    let root = Path::new(ROOTFS);
    for directory in DIRECTORIES {
        fs::create_dir_all(root.join(directory))?;
    }
    fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777))?;
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")?;
    fs::write(root.join("etc/group"), "root:x:0:\n")?;
    let busybox = packages::find("busybox").context("the image needs busybox-static")?;
    fs::copy(busybox, root.join("bin/busybox"))?;
    for applet in APPLETS {
        symlink("busybox", root.join("bin").join(applet))?;
    }
    run::output(Command::new("tar").args(["--create", "--file", ARCHIVE, "--directory", ROOTFS, "."])).map(drop)
}
