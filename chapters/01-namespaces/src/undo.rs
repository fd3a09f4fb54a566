//! Unwinding: whatever happens, the process is killed and reaped, then the parts clean up in reverse order.

use std::panic::{AssertUnwindSafe, catch_unwind};

use conex_kernel::{Error, Result, operations::Kill};
use rustix::{
    io::{Errno, retry_on_intr},
    process::{WaitId, WaitIdOptions, waitid},
};

use crate::{ContainerId, Exit, Host, NAME, Part, Target};

/// The status of a process whose end nobody saw.
const UNSEEN: u8 = 255;

/// What has been done so far, and so may have to be undone. Undone when dropped, unless that happened before.
pub(crate) struct Undo<'a> {
    pub(crate) host: &'a Host,
    pub(crate) id: &'a ContainerId,
    parts: &'a [&'a dyn Part],
    /// How many parts have begun to prepare.
    begun: usize,
    process: Option<Target>,
}

impl<'a> Undo<'a> {
    pub(crate) fn new(host: &'a Host, id: &'a ContainerId, parts: &'a [&'a dyn Part]) -> Self {
        Self { host, id, parts, begun: 0, process: None }
    }

    /// Runs every part's `prepare`; the one that fails is cleaned up too.
    pub(crate) fn prepare(&mut self) -> Result<()> {
        for part in self.parts {
            self.begun += 1;
            part.prepare(self.host, self.id)?;
        }
        Ok(())
    }

    /// Runs every part's `attach`.
    pub(crate) fn attach(&self, target: &Target) -> Result<()> {
        self.parts.iter().try_for_each(|part| part.attach(self.host, target))
    }

    /// From now on this process is killed and reaped first.
    pub(crate) fn watch(&mut self, process: Target) {
        self.process = Some(process);
    }

    /// Waits for the process to end by itself.
    pub(crate) fn wait(&mut self) -> Result<Exit> {
        let Some(process) = &self.process else {
            return Err(Error::refused(NAME, "wait for the container", "it was never born"));
        };
        let status = match retry_on_intr(|| waitid(WaitId::PidFd(process.pidfd()), WaitIdOptions::EXITED)) {
            // Somebody who ignores SIGCHLD has no children to wait for: it has ended, and nobody knows how.
            Err(Errno::CHILD) => None,
            status => status.map_err(|errno| Error::new(NAME, "wait for the container", &errno.into()))?,
        };
        self.process = None;
        Ok(status.map_or(Exit::Code(UNSEEN), Exit::of))
    }

    /// Kills, reaps, cleans up; never stops at a failure. Gives what failed, in the order in which it was tried.
    pub(crate) fn unwind(&mut self) -> Vec<Error> {
        let mut leftovers = Vec::new();
        if let Some(process) = self.process.clone() {
            let kill = Kill { pidfd: process.pidfd(), pid: process.pid() };
            let killed = self.host.kernel.perform(NAME, kill).and_then(|()| self.wait().map(drop));
            leftovers.extend(killed.err());
            self.process = None;
        }
        while let Some(last) = self.begun.checked_sub(1) {
            self.begun = last;
            leftovers.extend(self.clean_up(self.parts[last]).err());
        }
        leftovers
    }

    /// A part that panics while it cleans up must not keep the others from it.
    fn clean_up(&self, part: &dyn Part) -> Result<()> {
        let cleaned = catch_unwind(AssertUnwindSafe(|| part.cleanup(self.host, self.id)));
        cleaned.unwrap_or_else(|_| Err(Error::refused(part.name(), "clean up", "panic")))
    }

    /// The error that ends the birth, with what could not be undone after it.
    pub(crate) fn failed(&mut self, mut cause: Error) -> Error {
        cause.leftovers = self.unwind();
        cause
    }
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        self.unwind();
    }
}
