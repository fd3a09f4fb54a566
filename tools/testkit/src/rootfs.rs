//! A small root file system from busybox, for containers of tests.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use crate::case::find;

const DIRECTORIES: [&str; 10] = ["bin", "dev", "dev/pts", "etc", "proc", "root", "sbin", "sys", "tmp", "usr"];

const APPLETS: [&str; 36] = [
    "cat", "chmod", "chroot", "cut", "dd", "echo", "env", "false", "find", "grep", "head", "hostname", "id", "ip",
    "kill", "ln", "ls", "mkdir", "mknod", "mount", "ps", "readlink", "rm", "sed", "seq", "sh", "sleep", "sort", "stat",
    "stty", "touch", "tr", "true", "tty", "umount", "wc",
];

const PASSWD: &str =
    "root:x:0:0:root:/root:/bin/sh\nweb:x:33:33:web:/srv:/bin/sh\n0:x:1000:1000:a user named 0:/evil:/bin/sh\n";
const GROUP: &str = "root:x:0:\nlogs:x:4:root,web\nweb:x:33:\nlate:x:9:web\n";

/// Makes one at `root`, which must not exist yet.
pub(crate) fn make(root: &Path) -> io::Result<PathBuf> {
    for directory in DIRECTORIES {
        fs::create_dir_all(root.join(directory))?;
    }
    let busybox = find("busybox").ok_or_else(|| io::Error::other("busybox is not installed"))?;
    fs::copy(busybox, root.join("bin/busybox"))?;
    for applet in APPLETS {
        symlink("busybox", root.join("bin").join(applet))?;
    }
    fs::write(root.join("etc/passwd"), PASSWD)?;
    fs::write(root.join("etc/group"), GROUP)?;
    Ok(root.to_owned())
}
