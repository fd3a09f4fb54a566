//! Programs beside the container's own that nobody stays attached to: children of the shim, since an orphan is a zombie
//! for ever where the host's first process does not reap, and with a zombie in it no pid namespace ends.

use std::os::fd::BorrowedFd;

use super::Shim;
use crate::{
    exec::Exec,
    namespaces::{Host, Running, spawn},
    stream::Frame,
};

pub(super) struct Beside<'a> {
    shim: &'a Shim,
    host: &'a Host,
    running: Vec<Running<'a>>,
}

impl<'a> Beside<'a> {
    pub(super) fn new(shim: &'a Shim, host: &'a Host) -> Self {
        Self { shim, host, running: Vec::new() }
    }

    /// Starts one; the answer for whoever asked.
    pub(super) fn begin(&mut self, asked: &Exec) -> Frame {
        let begun = asked.plan(&self.shim.paths, &self.host.facts, &self.shim.id).and_then(|plan| {
            let running = spawn(self.host, &self.shim.id, &[], plan)?.start()?;
            self.running.push(running);
            Ok(())
        });
        begun.map_or_else(Frame::Failed, |()| Frame::Started)
    }

    /// For poll(2).
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.running.iter().map(Running::pidfd)
    }

    /// Lets those go that have ended: `ended` is in the order of `descriptors`.
    pub(super) fn reap(&mut self, ended: &[bool]) {
        let mut ended = ended.iter();
        // Reaped when dropped; nobody asks how it ended.
        self.running.retain(|_| !ended.next().copied().unwrap_or_default());
    }
}
