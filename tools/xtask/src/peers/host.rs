//! The file systems and the network of the peers' host. Of the machine's files all can be read; what is written below
//! /etc, /var, /run and /dev/shm lands in memory and ends with the host. See mount_namespaces(7).

use std::{env, ffi::CString, fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use anyhow::{Context, Result};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use testkit::Cgroups;

use crate::run;

/// The host's own things: image, logs, and what was written below /etc and /var.
pub(crate) const PLACE: &str = "/run/peers";

/// Where the machine's files can be read and changes are thrown away.
const OVERLAID: [&str; 2] = ["/etc", "/var"];

/// Places of their own on top of that: the layers of an image cannot lie on an overlay, and nothing here is to be seen
/// of the machine's containers.
const STATE: [&str; 4] = ["/var/lib/docker", "/var/lib/containerd", "/var/lib/containers", "/var/tmp"];

/// Turns the mount and network namespaces, which are new and still look like the machine's, into a host.
pub(crate) fn make(cgroups: &Cgroups) -> Result<()> {
    let directory = env::current_dir()?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).context("make mounts private")?;
    attach("proc", "/proc", "")?;
    attach("sysfs", "/sys", "")?;
    cgroups.mount()?;
    tmpfs("/run", 0o755)?;
    tmpfs("/dev/shm", 0o1777)?;
    OVERLAID.iter().try_for_each(|path| overlay(path))?;
    STATE.iter().try_for_each(|path| tmpfs(path, if *path == "/var/tmp" { 0o1777 } else { 0o711 }))?;
    run::output(Command::new("ip").args(["link", "set", "lo", "up"]))?;
    // By its path again: the one that we are in may now be covered.
    env::set_current_dir(&directory).with_context(|| format!("{} is not there in the host", directory.display()))
}

/// Mounts a file system of that type, its options as for mount(8), without what the kernel's own trees do not need.
pub(crate) fn attach(kind: &str, target: &str, options: &str) -> Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    attach_with(flags, kind, target, options)
}

fn attach_with(flags: MountFlags, kind: &str, target: &str, options: &str) -> Result<()> {
    let data = CString::new(options)?;
    mount(kind, target, kind, flags, data.as_c_str()).with_context(|| format!("mount {kind} {options} on {target}"))
}

fn tmpfs(target: &str, mode: u32) -> Result<()> {
    fs::create_dir_all(target)?;
    attach_with(MountFlags::empty(), "tmpfs", target, &format!("mode={mode:o}"))
}

fn overlay(path: &str) -> Result<()> {
    let [upper, work] = ["upper", "work"].map(|layer| format!("{PLACE}{path}/{layer}"));
    for layer in [&upper, &work] {
        fs::create_dir_all(layer)?;
    }
    // The merged directory has the mode of the upper one.
    fs::set_permissions(&upper, fs::Permissions::from_mode(Path::new(path).metadata()?.permissions().mode()))?;
    let options = format!("lowerdir={path},upperdir={upper},workdir={work}");
    attach_with(MountFlags::empty(), "overlay", path, &options)
}
