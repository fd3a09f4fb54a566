//! The Debian packages that the tests and the peers use, and their installation where we may (root, with apt-get).

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::{run, say::say};

/// A Debian package that some test or peer needs.
pub(crate) struct Package {
    name: &'static str,
    /// The program whose presence shows that the package, or something as good, is installed.
    program: &'static str,
    needed_by: &'static str,
}

/// What `cargo xtask test` installs.
pub(crate) const FOR_TESTS: &[Package] = &[
    Package { name: "busybox-static", program: "busybox", needed_by: "every test that runs a command in a container" },
    Package { name: "runc", program: "runc", needed_by: "comparing what a process sees with runc" },
    Package { name: "crun", program: "crun", needed_by: "the speed comparison with crun" },
    Package { name: "bubblewrap", program: "bwrap", needed_by: "the speed comparison with bwrap" },
    Package { name: "nftables", program: "nft", needed_by: "the fingerprint of the host's packet filter" },
    Package { name: "iproute2", program: "ip", needed_by: "scripts printed by --explain=sh" },
    Package { name: "util-linux", program: "unshare", needed_by: "scripts printed by --explain=sh" },
    Package { name: "attr", program: "setfattr", needed_by: "layers with marks of other engines" },
    Package { name: "libcap2-bin", program: "setcap", needed_by: "layers with files that have capabilities" },
    Package { name: "e2fsprogs", program: "mkfs.ext4", needed_by: "disks that are full, and what a container costs" },
    Package { name: "xfsprogs", program: "mkfs.xfs", needed_by: "copies that share their data" },
    Package { name: "skopeo", program: "skopeo", needed_by: "comparing how others read and write images" },
    Package { name: "umoci", program: "umoci", needed_by: "comparing how others unpack images" },
    Package { name: "docker-registry", program: "docker-registry", needed_by: "pushing and pulling" },
    Package { name: "docker.io", program: "dockerd", needed_by: "comparing with docker" },
    Package { name: "debootstrap", program: "debootstrap", needed_by: "an image of Debian" },
    Package { name: "podman", program: "podman", needed_by: "comparing how others pull and push images" },
    Package { name: "apache2-utils", program: "htpasswd", needed_by: "a registry that asks for passwords" },
    Package { name: "openssl", program: "openssl", needed_by: "certificates of a registry" },
];

/// What looking at the book's pages takes.
pub(crate) const FOR_PAGES: &[Package] = &[
    Package { name: "chromium", program: "chromium", needed_by: "looking at the book's pages" },
    Package { name: "nodejs", program: "node", needed_by: "driving the browser" },
    Package { name: "npm", program: "npm", needed_by: "installing the browser's driver" },
];

/// What `cargo xtask vm` installs, and the kernel tests in a virtual machine.
pub(crate) const FOR_VM: &[Package] = &[
    Package {
        name: "qemu-system-x86",
        program: "qemu-system-x86_64",
        needed_by: "tests in another kernel, on cgroup v2",
    },
    Package { name: "busybox-static", program: "busybox", needed_by: "everything in a virtual machine" },
    Package { name: "binutils", program: "strip", needed_by: "tests that fit into a virtual machine" },
    Package { name: "xz-utils", program: "xz", needed_by: "the modules of newer kernels" },
];

/// What `cargo xtask peers` installs.
pub(crate) const FOR_PEERS: &[Package] = &[
    Package { name: "docker.io", program: "dockerd", needed_by: "the peer docker" },
    Package { name: "debootstrap", program: "debootstrap", needed_by: "an image of Debian" },
    Package { name: "podman", program: "podman", needed_by: "the peer podman" },
    Package { name: "buildah", program: "buildah", needed_by: "the peer buildah" },
    Package { name: "crun", program: "crun", needed_by: "the peers crun and podman" },
    Package { name: "runc", program: "runc", needed_by: "the peers runc and docker" },
    Package { name: "iptables", program: "iptables", needed_by: "the bridge of the peer docker" },
    Package { name: "busybox-static", program: "busybox", needed_by: "the image of all peers" },
    Package { name: "iproute2", program: "ip", needed_by: "the loopback link of the peers' host" },
];

impl Package {
    pub(crate) fn program(&self) -> &'static str {
        self.program
    }
}

/// Installs what is missing, or says why it cannot and what will be skipped for it.
pub(crate) fn ensure(packages: &[Package]) -> Result<()> {
    let missing: Vec<&Package> = packages.iter().filter(|package| find(package.program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    match obstacle() {
        Some(reason) => {
            say(&format!("cannot install {}: {reason}; what needs them is skipped:", names.join(", ")));
            missing.iter().for_each(|package| say(&format!("  {}: {}", package.name, package.needed_by)));
            Ok(())
        }
        None => install(&names),
    }
}

/// Where a program is, if anywhere. An ordinary user's PATH may lack the sbin directories, where nft and ip live.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let extra = ["/usr/sbin", "/sbin"].map(|directory| Path::new(directory).to_path_buf());
    env::split_paths(&path).chain(extra).map(|directory| directory.join(program)).find(|path| path.is_file())
}

/// Why nothing can be installed, if so.
fn obstacle() -> Option<&'static str> {
    if find("apt-get").is_none() {
        Some("there is no apt-get")
    } else if !is_root() {
        Some("that needs root")
    } else {
        None
    }
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn install(names: &[&str]) -> Result<()> {
    say(&format!("installing {}", names.join(", ")));
    run::run(&mut apt_get(&["update"]))?;
    run::run(apt_get(&["install", "--yes", "--no-install-recommends"]).args(names))
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.arg("-qq").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    command
}
