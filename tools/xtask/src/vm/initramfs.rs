//! The VM's whole file system, as archives that the kernel unpacks: its modules, made once a kernel, and a small host made
//! anew each time, with busybox, this workspace's binaries where they are on this machine, and the command.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::{binaries, binaries::Binary, cpio::Archive, kernel::Kernel, modules};
use crate::{packages, run};

/// Where init finds the directory that becomes the root.
const WORLD: &str = "/world";

/// A Debian's. On the other side of each link are programs of both kinds.
const LINKS: &[(&str, &str)] = &[("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")];

const DIRECTORIES: &[(&str, u32)] = &[
    ("proc", 0o555),
    ("sys", 0o555),
    ("dev", 0o755),
    ("run", 0o755),
    ("mnt", 0o755),
    ("root", 0o700),
    ("tmp", 0o1777),
    ("home/learner", 0o700),
    ("usr/lib64", 0o755),
    ("usr/sbin", 0o755),
    ("var", 0o755),
];

const FILES: &[(&str, &str)] = &[
    ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nlearner:x:1000:1000:learner:/home/learner:/bin/sh\n"),
    ("etc/group", "root:x:0:\ntty:x:5:\nlearner:x:1000:\n"),
    ("etc/subuid", "learner:100000:65536\n"),
    ("etc/subgid", "learner:100000:65536\n"),
    ("etc/hostname", "vm\n"),
    ("etc/hosts", "127.0.0.1 localhost\n127.0.1.1 vm\n::1 localhost ip6-localhost\n"),
    // An address that nobody has: the VM is in no network.
    ("etc/resolv.conf", "nameserver 192.0.2.53\n"),
];

/// What scripts use with options that busybox's programs of the same name lack; and busybox's shell takes its own programs
/// before any on the PATH. A Debian has them all.
const REAL: &[&str] = &["sh", "chroot", "mount", "nsenter", "setpriv", "setsid", "tar", "umount"];

/// What the VM's shell does, see `host.sh`.
const COMMAND: &str = "command";

/// Writes all archives into one file. `script` is for the VM's shell.
pub(crate) fn write(to: &Path, kernel: &Kernel, binaries: &[Binary], script: &str) -> Result<()> {
    let mut file = BufWriter::new(File::create(to).with_context(|| format!("write {}", to.display()))?);
    io::copy(&mut File::open(modules::archive(kernel)?)?, &mut file)?;
    let mut archive = Archive::new(file);
    archive.file(Path::new("/init"), 0o755, include_bytes!("init.sh"))?;
    // The kernel opens it for init, before anything is mounted.
    archive.character_device(Path::new("/dev/console"), (5, 1))?;
    World { archive: &mut archive, libraries: BTreeMap::new() }.furnish(binaries, script)?;
    archive.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(())
}

/// The directory that becomes the root; paths are as they are then.
struct World<'a, W> {
    archive: &'a mut Archive<W>,
    /// By where they go.
    libraries: BTreeMap<PathBuf, PathBuf>,
}

impl<W: Write> World<'_, W> {
    fn furnish(&mut self, binaries: &[Binary], script: &str) -> Result<()> {
        for (path, permissions) in DIRECTORIES {
            self.archive.directory(&place(path), *permissions)?;
        }
        for (path, target) in LINKS {
            self.archive.link(&place(path), target)?;
        }
        for (path, content) in FILES {
            self.archive.file(&place(path), 0o644, content.as_bytes())?;
        }
        self.archive.file(&place("usr/sbin/init"), 0o755, include_bytes!("host.sh"))?;
        self.archive.file(&place(COMMAND), 0o644, script.as_bytes())?;
        self.programs()?;
        for binary in binaries {
            self.binary(binary)?;
        }
        for (to, from) in &self.libraries {
            self.archive.file(to, 0o755, &read(from)?)?;
        }
        Ok(())
    }

    /// Those of this machine that tests use, and busybox for everything else.
    fn programs(&mut self) -> Result<()> {
        let busybox = packages::find("busybox").context("the VM needs busybox-static")?;
        if !binaries::libraries(&busybox)?.is_empty() {
            bail!("{} needs libraries; the VM needs busybox-static", busybox.display());
        }
        self.archive.file(&place("usr/bin/busybox"), 0o755, &read(&busybox)?)?;
        let mut brought = vec!["busybox", "init"];
        for program in packages::FOR_TESTS.iter().map(packages::Package::program).chain(REAL.iter().copied()) {
            if let Some(path) = packages::find(program).filter(|_| !brought.contains(&program)) {
                self.program(&path, &path)?;
                brought.push(program);
            }
        }
        let applets = run::output(Command::new(busybox).arg("--list"))?;
        for applet in applets.lines().filter(|applet| !brought.contains(applet)) {
            self.archive.link(&place("usr/bin").join(applet), "busybox")?;
        }
        Ok(())
    }

    /// At its own path, which tests have in them, and by its name on the PATH.
    fn binary(&mut self, binary: &Binary) -> Result<()> {
        self.program(&binaries::stripped(&binary.path)?, &binary.path)?;
        self.archive.link(&place("usr/local/bin").join(&binary.name), &binary.path.to_string_lossy())?;
        Ok(())
    }

    fn program(&mut self, from: &Path, to: &Path) -> Result<()> {
        self.archive.file(&place(without_links(to)?), 0o755, &read(from)?)?;
        for library in binaries::libraries(from)? {
            self.libraries.insert(place(without_links(&library)?), library);
        }
        Ok(())
    }
}

fn place(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    Path::new(WORLD).join(path.strip_prefix("/").unwrap_or(path))
}

/// The file's own name in the directory that really has it: /lib is a link in the VM, too.
fn without_links(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().with_context(|| format!("{} is no file", path.display()))?;
    let directory = path.parent().unwrap_or(path);
    let directory = directory.canonicalize().with_context(|| format!("find {}", directory.display()))?;
    Ok(directory.join(name))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("read {}", path.display()))
}
