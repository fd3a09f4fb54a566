//! Whole commands: `ch01 run`, and what else runs `true` in namespaces with a directory as its root.

use std::{
    fs::{self, File},
    io,
    path::Path,
    process::Command,
    time::Instant,
};

use crate::{
    Contender,
    place::{self, PLACE},
};

/// Those that are installed and work here; the others are named.
pub(crate) fn contenders(rootfs: &Path) -> io::Result<Vec<Contender>> {
    let mut contenders = Vec::new();
    for (name, program, mut command) in [
        ("ch01 run", "", ch01(rootfs)),
        ("unshare", "unshare", unshare(rootfs)),
        ("bwrap", "bwrap", bwrap(rootfs)),
        ("crun run", "crun", crun(rootfs)?),
    ] {
        match obstacle(program, &mut command(0)) {
            None => contenders.push(contender(name, command)),
            Some(why) => place::say(&format!("{name}: skipped: {why}")),
        }
    }
    Ok(contenders)
}

/// A command for the container of this number.
type Numbered = Box<dyn FnMut(u64) -> Command>;

fn ch01(rootfs: &Path) -> Numbered {
    let rootfs = rootfs.to_owned();
    Box::new(move |_| {
        let mut command = Command::new(place::ch01());
        command.arg("run").arg(&rootfs).arg("true");
        command
    })
}

/// Without masks, devices, a pivot and an id map of a range; the namespaces are the same.
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

/// The same namespaces, id map, mounts, masks and capabilities; no cgroup of its own.
fn crun(rootfs: &Path) -> io::Result<Numbered> {
    let bundle = Path::new(PLACE).join("bundle");
    fs::create_dir(&bundle)?;
    let config = include_str!("config.json").replace("@ROOT@", &rootfs.to_string_lossy());
    fs::write(bundle.join("config.json"), config)?;
    Ok(Box::new(move |number| {
        let mut command = Command::new("crun");
        command.arg("--root").arg(Path::new(PLACE).join("crun")).arg("--cgroup-manager=disabled");
        command.args(["run", "--bundle"]).arg(&bundle).arg(format!("bench-{number}"));
        command
    }))
}

/// Files of our own as standard input, output and error: crun gives all three to the container's root, and the
/// machine's /dev/null, or the caller's terminal, must not change hands.
fn own_streams(command: &mut Command) -> io::Result<&mut Command> {
    let file = File::options().read(true).append(true).create(true).open(Path::new(PLACE).join("streams"))?;
    Ok(command.stdin(file.try_clone()?).stdout(file.try_clone()?).stderr(file))
}

/// Why a command can't take part, tried once.
fn obstacle(program: &str, command: &mut Command) -> Option<String> {
    if !program.is_empty() && place::find(program).is_none() {
        return Some(format!("{program} is not installed"));
    }
    let tried = own_streams(command).and_then(Command::status);
    let said = fs::read_to_string(Path::new(PLACE).join("streams")).unwrap_or_default();
    match tried {
        Ok(status) if status.success() => None,
        Ok(status) => Some(format!("{status}: {}", said.trim())),
        Err(error) => Some(error.to_string()),
    }
}

fn contender(name: &'static str, mut command: Numbered) -> Contender {
    let mut number = 0;
    let time = move |iterations| {
        let started = Instant::now();
        for _ in 0..iterations {
            number += 1;
            let status = own_streams(&mut command(number)).and_then(Command::status);
            assert!(status.is_ok_and(|status| status.success()), "{name} failed; it did not at first");
        }
        started.elapsed()
    };
    Contender { name, time: Box::new(time) }
}
