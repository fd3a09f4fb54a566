//! A part: one thing that a container has. Chapter 1 brings one itself, the root from a directory.

use std::{fs, path::PathBuf};

use conex_kernel::{Error, Result};
use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::{ContainerId, Facts, Host, NAME, Plan, RootPlan, Source, Target};

/// One thing a container has. Holds choices, never handles.
pub trait Part {
    /// Its name in errors and in the narration; unique in a stack.
    fn name(&self) -> &'static str;

    /// Adds to the plan what the child must do. Pure: no look at the host beyond `facts`.
    fn plan(&self, _facts: &Facts, _id: &ContainerId, _plan: &mut Plan) {}

    /// Before birth, on the host. In a dry run only operations may be performed, which then do nothing.
    fn prepare(&self, _host: &Host, _id: &ContainerId) -> Result<()> {
        Ok(())
    }

    /// On the host, while the child waits (or, for a live change, runs).
    fn attach(&self, _host: &Host, _target: &Target) -> Result<()> {
        Ok(())
    }

    /// Undoes whatever `prepare` and `attach` did or began, in any process, at any time, any number of times; so it
    /// needs nothing but the host and the id.
    fn cleanup(&self, _host: &Host, _id: &ContainerId) -> Result<()> {
        Ok(())
    }
}

/// A directory of the host as the container's root.
#[derive(Clone, Debug)]
pub struct Directory {
    /// On the host.
    pub path: PathBuf,
    /// Whether the container may write to it.
    pub read_only: bool,
}

impl Part for Directory {
    fn name(&self) -> &'static str {
        NAME
    }

    fn plan(&self, _facts: &Facts, _id: &ContainerId, plan: &mut Plan) {
        let source = Source::Bind { path: self.path.clone(), recursive: true };
        plan.root = Some(RootPlan { part: NAME, source, read_only: self.read_only });
    }

    /// Nothing to make; but a root that can't be one is refused here, in words.
    fn prepare(&self, _host: &Host, _id: &ContainerId) -> Result<()> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Err(errno) = openat(CWD, &self.path, flags, Mode::empty()) else { return Ok(()) };
        let operation = format!("use {} as the root", self.path.display());
        Err(match errno {
            rustix::io::Errno::NOENT => Error::refused(NAME, operation, "there is no such directory"),
            rustix::io::Errno::NOTDIR => {
                let why = if fs::metadata(&self.path).is_ok() {
                    "it is not a directory"
                } else {
                    "a part of its path is not a directory"
                };
                Error::refused(NAME, operation, why)
                    .with_hint("unpack an archive into a directory first: tar -C DIR -xf ARCHIVE")
            }
            other => Error::new(NAME, operation, &other.into()),
        })
    }
}
