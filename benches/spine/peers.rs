//! Whole commands: `ch01 run`, and what else runs `true` in namespaces with a directory as its root.

use std::{io, path::Path, process::Command};

use crate::arena::{self, Contender, Numbered, place};

/// Those that are installed and work here; the others are named.
pub(crate) fn contenders(rootfs: &Path) -> io::Result<Vec<Contender>> {
    let config = include_str!("config.json").replace("@ROOT@", &rootfs.to_string_lossy());
    let all = [
        arena::command("ch01 run", "", ch01(rootfs)),
        arena::command("unshare", "unshare", unshare(rootfs)),
        arena::command("script", "unshare", script(rootfs)?),
        arena::command("bwrap", "bwrap", bwrap(rootfs)),
        // The same namespaces, id map, mounts, masks and capabilities.
        arena::command("crun run", "crun", arena::crun(&config)?),
    ];
    Ok(all.into_iter().flatten().collect())
}

fn ch01(rootfs: &Path) -> Numbered {
    let rootfs = rootfs.to_owned();
    Box::new(move |_| {
        let mut command = Command::new(place::program());
        command.arg("run").arg(&rootfs).arg("true");
        command
    })
}

/// The same container by unshare(1) and mount(8): the script that `--explain=sh` prints. Its id map does not shift, since
/// a shell can't see a root through one that does.
fn script(rootfs: &Path) -> io::Result<Numbered> {
    let mut ch01 = Command::new(place::program());
    ch01.args(["run", "--dry-run", "--explain=sh", "--map", "0:0:65536"]).arg(rootfs).arg("true");
    let script = Path::new(place::PLACE).join("script");
    std::fs::write(&script, ch01.output()?.stderr)?;
    Ok(Box::new(move |_| {
        let mut command = Command::new("sh");
        command.arg(&script);
        command
    }))
}

/// Without /dev, /sys, masks, a pivot and an id map of a range; the namespaces are the same.
fn unshare(rootfs: &Path) -> Numbered {
    let rootfs = rootfs.to_owned();
    Box::new(move |_| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup"]);
        command.args(["--time", "--fork", "--mount-proc", "--root"]).arg(&rootfs).arg("true");
        command
    })
}

/// Without a time namespace, /sys and masks.
fn bwrap(rootfs: &Path) -> Numbered {
    let rootfs = rootfs.to_owned();
    Box::new(move |_| {
        let mut command = Command::new("bwrap");
        command.args(["--unshare-all", "--bind"]).arg(&rootfs);
        command.args(["/", "--proc", "/proc", "--dev", "/dev", "true"]);
        command
    })
}
