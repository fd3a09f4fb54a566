//! An image's root seen through an overlay: the image stays as it is, and what the container writes goes into its own
//! directory. One layer; many come with chapter 3. See the kernel's Documentation/filesystems/overlayfs.rst.

use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt, path::PathBuf};

use rustix::mount::MountAttrFlags;

use crate::{
    choices::Choices,
    failure::Failure,
    kernel::{Error, Result, operations::Filesystem},
    namespaces::{ContainerId, Facts, Host, Part, Plan, RootPlan, Source},
    paths::Paths,
};

/// Directories of the host.
pub(super) struct Overlay {
    lower: PathBuf,
    upper: PathBuf,
    work: PathBuf,
    read_only: bool,
}

const NAME: &str = "overlay";

impl Overlay {
    pub(super) fn new(choices: &Choices, paths: &Paths, id: &ContainerId) -> Self {
        let (lower, read_only) = (choices.rootfs.clone(), choices.read_only);
        Self { lower, upper: paths.upper(id), work: paths.work(id), read_only }
    }
}

/// The kernel's buffer for one option, with the NUL. See fsconfig(2).
const OPTION_BYTES_MAX: usize = 256;

impl Overlay {
    /// Refuses paths that an overlay's options can't say.
    pub(super) fn check(&self) -> crate::Result<()> {
        for path in [&self.lower, &self.upper, &self.work] {
            let text = path.to_string_lossy();
            if text.contains([':', '\\', ',']) || text.len() >= OPTION_BYTES_MAX {
                let message = format!("{text} can't be a layer: its path is too long, or holds one of : , \\");
                return Err(Failure::new(message).with_hint("choose another place: --root DIR"));
            }
        }
        Ok(())
    }
}

impl Part for Overlay {
    fn name(&self) -> &'static str {
        NAME
    }

    fn plan(&self, facts: &Facts, _id: &ContainerId, plan: &mut Plan) {
        let option = |key: &str, path: &PathBuf| format!("{key}={}", path.display());
        let mut options =
            vec![option("lowerdir", &self.lower), option("upperdir", &self.upper), option("workdir", &self.work)];
        if !facts.is_privileged() {
            // trusted.overlay.* is root's alone.
            options.push("userxattr".into());
        }
        let attributes = MountAttrFlags::MOUNT_ATTR_NODEV;
        let filesystem = Filesystem { kind: "overlay".into(), source: "overlay".into(), options, attributes };
        plan.root = Some(RootPlan { part: NAME, source: Source::New(filesystem), read_only: self.read_only });
    }

    fn prepare(&self, _host: &Host, _id: &ContainerId) -> Result<()> {
        for (path, mode) in [(&self.upper, 0o755), (&self.work, 0o700)] {
            let made = DirBuilder::new().mode(mode).recursive(true).create(path);
            made.map_err(|error| Error::new(NAME, format!("make {}", path.display()), &error))?;
        }
        Ok(())
    }

    // What is in them is the container's until it is removed.
}
