//! One cgroup of a container: a directory in one of the host's trees.

use std::{
    fs,
    path::{Path, PathBuf},
};

use conex_kernel::{
    Error, Kernel, Result,
    operations::{MakeCgroup, RemoveCgroup, SetCgroup},
};

use crate::{NAME, Tree, Version, setting::Setting};

/// Where it is, and what is above it.
pub(crate) struct Group<'a> {
    pub(crate) tree: &'a Tree,
    /// From the tree's base down to the one that the container's lies in.
    above: Vec<PathBuf>,
    pub(crate) directory: PathBuf,
}

impl<'a> Group<'a> {
    /// The cgroup of this name below `parent`, a relative path.
    pub(crate) fn new(tree: &'a Tree, parent: &Path, name: &str) -> Self {
        let parts = parent.iter().scan(tree.base.clone(), |path, part| {
            path.push(part);
            Some(path.clone())
        });
        let above: Vec<PathBuf> = std::iter::once(tree.base.clone()).chain(parts).collect();
        let directory = tree.base.join(parent).join(name);
        Self { tree, above, directory }
    }

    /// Makes it and what is missing above it; it has these controllers then, as far as its tree has them.
    pub(crate) fn make(&self, kernel: &Kernel, controllers: &[&str]) -> Result<()> {
        let missing = self.above.iter().chain([&self.directory]).filter(|path| !path.is_dir());
        for directory in missing {
            kernel.perform(NAME, MakeCgroup { directory })?;
        }
        let controllers: Vec<&str> = controllers.iter().copied().filter(|name| self.tree.has(name)).collect();
        match self.tree.version {
            Version::V2 => enable(kernel, &self.above, &controllers),
            Version::V1 if self.tree.has("cpuset") => self.inherit_set(kernel),
            Version::V1 => Ok(()),
        }
    }

    /// v1 lets nobody into a cgroup without processors and memory banks, and gives it none by itself.
    fn inherit_set(&self, kernel: &Kernel) -> Result<()> {
        let read = |directory: &Path, file: &str| fs::read_to_string(directory.join(file)).unwrap_or_default();
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let mut inherited = String::new();
            for directory in self.above.iter().chain([&self.directory]) {
                let own = read(directory, file);
                if own.trim().is_empty() {
                    kernel.perform(NAME, SetCgroup { directory, file, value: inherited.trim() })?;
                } else {
                    inherited = own;
                }
            }
        }
        Ok(())
    }

    /// Writes lines, in order.
    pub(crate) fn set(&self, kernel: &Kernel, settings: &[Setting]) -> Result<()> {
        let lacks = |file: &str| !kernel.is_dry() && !self.directory.join(file).exists();
        for Setting { file, value, optional, otherwise } in settings {
            let (file, value) = match otherwise {
                Some((other, value)) if lacks(file) => (*other, value),
                _ => (*file, value),
            };
            match lacks(file) {
                true if *optional => {}
                true => return Err(lacking(file)),
                false => kernel.perform(NAME, SetCgroup { directory: &self.directory, file, value })?,
            }
        }
        Ok(())
    }
}

fn lacking(file: &str) -> Error {
    Error::refused(NAME, format!("set {file}"), "this kernel has no such limit")
        .with_hint("it was built without it, or without what it needs: a scheduler that weighs, or counting of swap")
}

// ANCHOR: controllers
/// Gives controllers on from cgroup to cgroup, from the top down: each can give only what it was given itself.
#[doc(alias = "exercise:cgroups.controllers")]
pub(crate) fn enable(kernel: &Kernel, from_the_top: &[PathBuf], controllers: &[&str]) -> Result<()> {
    for directory in from_the_top {
        let enabled = fs::read_to_string(directory.join("cgroup.subtree_control")).unwrap_or_default();
        let missing = controllers.iter().filter(|name| !enabled.split_whitespace().any(|one| one == **name));
        let missing: Vec<String> = missing.map(|name| format!("+{name}")).collect();
        if !missing.is_empty() {
            // One write: either all are given, or none and an error.
            let value = missing.join(" ");
            kernel.perform(NAME, SetCgroup { directory, file: "cgroup.subtree_control", value: &value })?;
        }
    }
    Ok(())
}
// ANCHOR_END: controllers

/// Removes a cgroup and what its own processes made below it.
pub(crate) fn remove(kernel: &Kernel, directory: &Path) -> Result<()> {
    below(directory).iter().try_for_each(|inner| remove(kernel, inner))?;
    kernel.perform(NAME, RemoveCgroup { directory })
}

/// The cgroups in a cgroup.
pub(crate) fn below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}
