//! Where everything lies on disk. The only file of the engine that joins paths; ARCHITECTURE.md lists who writes what.

use std::{
    env,
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::process::geteuid;

use crate::{
    failure::{Failure, Result},
    namespaces::ContainerId,
};

/// The two state roots: one survives a reboot, one does not.
#[derive(Clone, Debug)]
pub struct Paths {
    root: PathBuf,
    run_root: PathBuf,
}

/// Why a run directory does not have its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aside {
    /// It is being made.
    New,
    /// It is being taken away.
    Gone,
}

impl Aside {
    /// How its name begins.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::New => ".new-",
            Self::Gone => ".gone-",
        }
    }
}

impl Paths {
    /// The given roots, or those of the environment (CONEX_ROOT, CONEX_RUN_ROOT), or the usual ones.
    pub fn choose(root: Option<PathBuf>, run_root: Option<PathBuf>) -> Self {
        let chosen =
            |given: Option<PathBuf>, variable: &str| given.or_else(|| env::var_os(variable).map(PathBuf::from));
        let root = chosen(root, "CONEX_ROOT").unwrap_or_else(usual_root);
        let run_root = chosen(run_root, "CONEX_RUN_ROOT").unwrap_or_else(usual_run_root);
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        Self { root: absolute(root), run_root: absolute(run_root) }
    }

    /// Makes the roots, mode 0700, where they are missing; refuses those of somebody else.
    pub fn make(&self) -> Result<()> {
        for path in [&self.root, &self.run_root] {
            own_directory(path)?;
        }
        let images = [self.images(), self.image_names(), self.image_records(), self.layers()];
        for path in [self.containers(), self.names(), self.programs()].into_iter().chain(images) {
            directory(&path)?;
        }
        Ok(())
    }

    /// For state that survives a reboot.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// For state that does not.
    pub fn run_root(&self) -> &Path {
        &self.run_root
    }

    /// One directory a container.
    pub fn containers(&self) -> PathBuf {
        self.root.join("containers")
    }

    /// What a container keeps.
    pub fn container(&self, id: &ContainerId) -> PathBuf {
        self.containers().join(id.as_str())
    }

    /// Its choices.
    pub fn choices(&self, id: &ContainerId) -> PathBuf {
        self.container(id).join("container.json")
    }

    /// Its facts once it has ended.
    pub fn ended(&self, id: &ContainerId) -> PathBuf {
        self.container(id).join("state.json")
    }

    /// What it said, in docker's form and place.
    pub fn log(&self, id: &ContainerId) -> PathBuf {
        self.container(id).join(format!("{id}-json.log"))
    }

    /// What it wrote: the upper directory of its root.
    pub fn upper(&self, id: &ContainerId) -> PathBuf {
        self.container(id).join("upper")
    }

    /// Its root, where that is a copy of its image.
    pub fn copy(&self, id: &ContainerId) -> PathBuf {
        self.container(id).join("rootfs")
    }

    /// The overlay's own working place beside it.
    pub fn work(&self, id: &ContainerId) -> PathBuf {
        self.container(id).join("work")
    }

    /// The layers of images, and the stub of all of them.
    pub fn layers(&self) -> PathBuf {
        self.root.join("layers")
    }

    /// The layer of mount points that lies on top of every image; another content would have another number.
    pub fn stub(&self) -> PathBuf {
        self.layers().join("stub-1")
    }

    /// What belongs to a container while it runs.
    pub fn run(&self, id: &ContainerId) -> PathBuf {
        self.run_root.join(id.as_str())
    }

    /// The same before its lock is taken, and while it is taken away: what has the id's name always has a lock.
    pub fn run_aside(&self, id: &ContainerId, aside: Aside) -> PathBuf {
        self.run_root.join(format!("{}{id}", aside.prefix()))
    }

    /// Its facts meanwhile.
    pub fn state(&self, id: &ContainerId) -> PathBuf {
        self.run(id).join("state.json")
    }

    /// Locked by whoever is in charge of it.
    pub fn lock(&self, id: &ContainerId) -> PathBuf {
        self.lock_in(&self.run(id))
    }

    /// The lock in a run directory, by that directory's path.
    pub fn lock_in(&self, run: &Path) -> PathBuf {
        run.join("lock")
    }

    /// Where its shim listens.
    pub fn control(&self, id: &ContainerId) -> PathBuf {
        self.run(id).join("control")
    }

    /// A file of the run directory that the container sees: hosts, hostname, resolv.conf.
    pub fn generated(&self, id: &ContainerId, name: &str) -> PathBuf {
        self.run(id).join(name)
    }

    /// One symbolic link a name, to the id that has it.
    pub fn names(&self) -> PathBuf {
        self.root.join("names")
    }

    /// The claim of one name, which must be valid.
    pub fn name(&self, name: &str) -> PathBuf {
        self.names().join(name)
    }

    /// The store of images: an OCI image layout, and the two directories below it.
    pub fn images(&self) -> PathBuf {
        self.root.join("images")
    }

    /// The table of contents of the layout, for others: `refs` and `known` are ours.
    pub fn images_index(&self) -> PathBuf {
        self.images().join("index.json")
    }

    /// One file a name.
    pub fn image_names(&self) -> PathBuf {
        self.images().join("refs")
    }

    /// Which image has a name, by 64 hexadecimal digits that stand for the name: it may be longer than a file's.
    pub fn image_name(&self, hex: &str) -> PathBuf {
        self.image_names().join(format!("{hex}.json"))
    }

    /// One file an image.
    pub fn image_records(&self) -> PathBuf {
        self.images().join("known")
    }

    /// What is known of the image of this id, 64 hexadecimal digits.
    pub fn image_record(&self, hex: &str) -> PathBuf {
        self.image_records().join(format!("{hex}.json"))
    }

    /// Shared by all who add images or use them; held alone by who removes what nobody needs.
    pub fn images_lock(&self) -> PathBuf {
        self.images().join(".lock")
    }

    /// Held alone by who changes names of images, for a moment.
    pub fn image_names_lock(&self) -> PathBuf {
        self.images().join(".refs.lock")
    }

    /// Held alone by who makes the image that needs no network.
    pub fn starter_lock(&self) -> PathBuf {
        self.images().join(".starter.lock")
    }

    /// Locked by whoever installs a program of ours.
    pub fn programs_lock(&self) -> PathBuf {
        self.programs().join(".lock")
    }

    /// The engine's own programs.
    pub fn programs(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// The shim of this build.
    pub fn shim(&self, build: &str) -> PathBuf {
        self.programs().join(format!("conex-shim-{build}"))
    }
}

fn usual_root() -> PathBuf {
    match home_directory("XDG_DATA_HOME", ".local/share") {
        Some(data) if !geteuid().is_root() => data.join("conex"),
        _ => "/var/lib/conex".into(),
    }
}

fn usual_run_root() -> PathBuf {
    let uid = geteuid();
    match env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from) {
        _ if uid.is_root() => "/run/conex".into(),
        Some(directory) if directory.is_dir() => directory.join("conex"),
        _ => env::temp_dir().join(format!("conex-{}", uid.as_raw())),
    }
}

fn home_directory(variable: &str, below: &str) -> Option<PathBuf> {
    let of_home = || env::var_os("HOME").map(|home| Path::new(&home).join(below));
    env::var_os(variable).map(PathBuf::from).or_else(of_home)
}

/// A directory that nobody else may look into: images bring setuid programs. Its path up to there is made as usual.
fn own_directory(path: &Path) -> Result<()> {
    directory(path)?;
    let metadata =
        fs::metadata(path).map_err(|error| Failure::io(format_args!("look at {}", path.display()), &error))?;
    if metadata.uid() != geteuid().as_raw() {
        let message = format!("{} belongs to user {}, not to us", path.display(), metadata.uid());
        return Err(Failure::new(message).with_hint("choose another place: --root DIR --run-root DIR"));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        let message = format!("{} is open to other users (mode {:o})", path.display(), metadata.mode() & 0o7777);
        return Err(Failure::new(message).with_hint(format!("chmod 0700 {}", path.display())));
    }
    Ok(())
}

/// Makes a directory with what is missing above it; being there already is fine.
pub(crate) fn directory(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| explain(Failure::io(format_args!("make {}", path.display()), &error), &error))
}

fn explain(failure: Failure, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::NotADirectory => {
            failure.with_hint("choose another place: --root DIR --run-root DIR")
        }
        _ => failure,
    }
}
