//! A root that is an overlay: the layers stay as they are, and what is written goes into the container's own directory.
//! The mount is in the container's mount namespace alone, and goes with it. See overlayfs.rst.

use std::{
    ffi::OsStr,
    io,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use conex_kernel::{
    Error, Result,
    operations::{Filesystem, LayersBy},
};
use conex_namespaces::{ContainerId, Directory, Facts, Host, IdMaps, IdRange, Part, Plan, RootPlan, Source};
use rustix::{
    fs::{Stat, fstat},
    mount::MountAttrFlags,
};

use crate::{
    Change, Keep, NAME,
    changes::Upper,
    directory, filesystems, layers,
    marks::Marks,
    metadata::{self, Name},
    options::{Writable, fixed, options},
    place::{Place, UPPER, WORK},
};

/// Many read-only layers and one writable one.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// Directories of the host, the lowest first.
    pub layers: Vec<PathBuf>,
    /// The shared stub layer, made by [`make_stub`](crate::make_stub): it lies on top of the others.
    pub stub: Option<PathBuf>,
    /// Has a directory for each container, of its id's name.
    pub containers: PathBuf,
    /// What becomes of what is written.
    pub keep: Keep,
    /// Whether the container can't write to its root.
    pub read_only: bool,
}

impl Overlay {
    /// Layers, the lowest first, over a root that is a directory, for a container that leaves nothing: what it writes
    /// goes to the directory for temporary files, and away with it.
    pub fn over(root: Directory, layers: &[PathBuf]) -> Self {
        let (containers, read_only) = (std::env::temp_dir(), root.read_only);
        let layers = std::iter::once(root.path).chain(layers.iter().cloned()).collect();
        Self { layers, stub: None, containers, keep: Keep::Nothing, read_only }
    }

    /// The ids of a container whose user named none: root's layers can be seen through a map from Linux 6.15 on, and
    /// before that by the host's ids alone.
    pub fn default_ids(facts: &Facts) -> Option<IdMaps> {
        let all = || IdMaps::ranges(vec![IdRange { inside: 0, outside: 0, count: u32::MAX }]);
        let mapped = !facts.is_privileged() || LayersBy::of(facts.kernel) == LayersBy::Descriptor;
        (!mapped).then(all)
    }

    /// What a container changed in its image, sorted by path; nothing if it never ran. The host's rights decide whose
    /// marks are read, as they do when the overlay is made.
    pub fn changes(&self, host: &Host, id: &ContainerId) -> Result<Vec<Change>> {
        let path = self.place(id).path(UPPER);
        let directory = match directory::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened.map_err(|error| Error::new(NAME, format!("open {}", path.display()), &error))?,
        };
        Upper { directory, layers: layers::open(&self.stack())?, marks: Marks::of(&host.facts) }.changes()
    }

    pub(crate) fn place(&self, id: &ContainerId) -> Place {
        Place::new(&self.containers, id, self.keep)
    }

    /// All layers, the lowest first.
    pub(crate) fn stack(&self) -> Vec<PathBuf> {
        self.layers.iter().chain(&self.stub).cloned().collect()
    }

    /// With the container's own directory on top.
    pub(crate) fn writable(&self, facts: &Facts, id: &ContainerId) -> Filesystem {
        let place = self.place(id);
        let (upper, work) = (place.path(UPPER), place.path(WORK));
        filesystem(&self.stack(), Some(Writable { upper: &upper, work: &work }), Marks::of(facts))
    }

    /// What is written shall begin with a root directory like the image's.
    fn dress(&self, place: &Place, marks: Marks) -> Result<()> {
        let Some(image) = self.layers.last() else { return Ok(()) };
        let like = || {
            let (from, into) = (directory::open(image)?, directory::open(&place.path(UPPER))?);
            let (stat, this) = (fstat(&from)?, OsStr::new("."));
            match marks {
                Marks::Trusted => metadata::copy(&stat, Name(from.as_fd(), this), Name(into.as_fd(), this), marks),
                // A user can give nothing to others.
                Marks::User => metadata::copy_mode_and_times(&stat, Name(into.as_fd(), this)),
            }
        };
        like().map_err(|error| Error::new(NAME, format!("make a root like {}", image.display()), &error))
    }

    /// Whether a container's root directory is still like the image's.
    fn is_dressed(&self, upper: &Path, marks: Marks) -> io::Result<bool> {
        let Some(image) = self.layers.last() else { return Ok(true) };
        let (image, upper) = (directory::open(image)?, directory::open(upper)?);
        let (like, is) = (fstat(&image)?, fstat(&upper)?);
        let owners = |stat: &Stat| (marks == Marks::Trusted).then_some((stat.st_uid, stat.st_gid));
        let attributes = |directory: &OwnedFd| metadata::attributes(Name(directory.as_fd(), OsStr::new(".")), marks);
        let same = like.st_mode == is.st_mode && owners(&like) == owners(&is);
        Ok(same && (marks == Marks::User || attributes(&image)? == attributes(&upper)?))
    }
}

/// An overlay of these layers, the lowest first.
pub(crate) fn filesystem(layers: &[PathBuf], writable: Option<Writable<'_>>, marks: Marks) -> Filesystem {
    let options = options(layers, writable, marks).into_iter().chain(fixed()).collect();
    // As of every root: a device that an image brings does not open.
    let attributes = MountAttrFlags::MOUNT_ATTR_NODEV;
    Filesystem { kind: "overlay".into(), source: "overlay".into(), options, attributes }
}

impl Part for Overlay {
    fn name(&self) -> &'static str {
        NAME
    }

    fn plan(&self, facts: &Facts, id: &ContainerId, plan: &mut Plan) {
        let source = Source::New(self.writable(facts, id));
        plan.root = Some(RootPlan { part: NAME, source, read_only: self.read_only });
    }

    fn prepare(&self, host: &Host, id: &ContainerId) -> Result<()> {
        let place = self.place(id);
        // In a dry run the stub may not be made yet.
        let stack = if host.kernel.is_dry() { self.layers.clone() } else { self.stack() };
        layers::check(&stack)?;
        layers::check_apart(&stack, &self.containers, id)?;
        filesystems::check_writable(&self.containers)?;
        if host.kernel.is_dry() {
            return Ok(());
        }
        place.make()?;
        if place.make_directory(UPPER, 0o755)? {
            self.dress(&place, Marks::of(&host.facts))?;
        }
        place.make_directory(WORK, 0o700)?;
        place.check_work()
    }

    fn cleanup(&self, host: &Host, id: &ContainerId) -> Result<()> {
        // Its root directory may still be what a container changed.
        self.place(id).clean_up(|upper| self.is_dressed(upper, Marks::of(&host.facts)).unwrap_or(true))
    }
}
