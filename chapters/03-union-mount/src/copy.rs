//! A root that is a copy: for hosts where no overlay can be made, and to see what one is worth.

use std::{
    fs,
    os::fd::AsFd,
    path::{Path, PathBuf},
};

use conex_kernel::{Error, Result};
use conex_namespaces::{ContainerId, Facts, Host, Part, Plan, RootPlan, Source};

use crate::{
    Keep, NAME, directory, layers,
    marks::Marks,
    place::{COPYING, Place, ROOTFS},
    tree::Copying,
};

/// Whether files share their data with the layer's until one of both is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reflink {
    /// Every copy has data of its own.
    Never,
    /// Where the file system can (xfs, btrfs); elsewhere the data is copied. See ioctl_ficlone(2).
    WherePossible,
}

/// The whole image, copied for each container.
#[derive(Clone, Debug)]
pub struct Copy {
    /// Directories of the host, the lowest first.
    pub layers: Vec<PathBuf>,
    /// Has a directory for each container, of its id's name.
    pub containers: PathBuf,
    /// What becomes of what is written.
    pub keep: Keep,
    /// How files are copied.
    pub reflink: Reflink,
    /// Whether the container can't write to its root.
    pub read_only: bool,
}

impl Copy {
    /// The directory of a container's root, once it has been prepared.
    pub fn root(&self, id: &ContainerId) -> PathBuf {
        self.place(id).path(ROOTFS)
    }

    fn place(&self, id: &ContainerId) -> Place {
        Place::new(&self.containers, id, self.keep)
    }

    /// The layers into `place`, one after the other.
    fn fill(&self, place: &Path, marks: Marks) -> Result<()> {
        let into = directory::open(place);
        let into = into.map_err(|error| Error::new(NAME, format!("open {}", place.display()), &error))?;
        let mut opened = layers::open(&self.layers)?;
        while let Some(lowest) = opened.pop() {
            Copying::new(lowest, into.as_fd(), marks, self.reflink).run()?;
        }
        Ok(())
    }
}

impl Part for Copy {
    fn name(&self) -> &'static str {
        NAME
    }

    fn plan(&self, _facts: &Facts, id: &ContainerId, plan: &mut Plan) {
        let source = Source::Bind { path: self.root(id), recursive: false };
        plan.root = Some(RootPlan { part: NAME, source, read_only: self.read_only });
    }

    fn prepare(&self, host: &Host, id: &ContainerId) -> Result<()> {
        layers::check(&self.layers)?;
        layers::check_apart(&self.layers, &self.containers, id)?;
        if host.kernel.is_dry() {
            return Ok(());
        }
        let place = self.place(id);
        place.make()?;
        if place.path(ROOTFS).is_dir() {
            // It has been started before.
            return Ok(());
        }
        place.remove(COPYING)?;
        place.make_directory(COPYING, 0o700)?;
        self.fill(&place.path(COPYING), Marks::of(&host.facts))?;
        // Whole or not at all.
        let (from, to) = (place.path(COPYING), place.path(ROOTFS));
        fs::rename(&from, &to).map_err(|error| Error::new(NAME, format!("rename {}", from.display()), &error))
    }

    fn cleanup(&self, _host: &Host, id: &ContainerId) -> Result<()> {
        self.place(id).clean_up(|_| true)
    }
}
