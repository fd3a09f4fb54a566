//! Programs beside the container's own. They are the shim's children, whoever asked for them: its program lies where no
//! container can write to it (CVE-2019-5736), and an orphan would be a zombie for ever where the container's first process
//! does not reap, with which no pid namespace ends.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    rc::Rc,
};

use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use super::{Shim, streams};
use crate::{
    exec::Exec,
    failure::{Failure, Result},
    namespaces::{Host, Running, spawn},
    signal::Signal,
    stream::{Frame, Stream},
};

pub(super) struct Beside<'a> {
    shim: &'a Shim,
    host: &'a Host,
    all: Vec<One<'a>>,
}

struct One<'a> {
    running: Running<'a>,
    /// Whoever waits for it, and takes it along.
    front: Option<Rc<Stream>>,
}

impl<'a> Beside<'a> {
    pub(super) fn new(shim: &'a Shim, host: &'a Host) -> Self {
        Self { shim, host, all: Vec::new() }
    }

    /// Starts one with these standard streams, and answers.
    pub(super) fn begin(&mut self, asked: &Exec, lent: &[OwnedFd], front: &Rc<Stream>) {
        let told = match self.start(asked, lent) {
            Err(failure) => front.send(&Frame::Failed(failure), None),
            Ok(running) => {
                let console = running.console().map(AsFd::as_fd);
                let told = front
                    .send(&Frame::Process, Some(running.pidfd()))
                    .and_then(|()| front.send(&Frame::Started, console));
                self.all.push(One { running, front: (!asked.detached).then(|| front.clone()) });
                told
            }
        };
        if told.is_err() {
            self.forget(front);
        }
    }

    fn start(&self, asked: &Exec, lent: &[OwnedFd]) -> Result<Running<'a>> {
        let failed = |error: io::Error| Failure::io("lend it our streams", &error);
        let plan = asked.plan(&self.shim.paths, &self.host.facts, &self.shim.id)?;
        if let [input, output, errors] = lent {
            let taken = dup2_stdin(input).and_then(|()| dup2_stdout(output)).and_then(|()| dup2_stderr(errors));
            taken.map_err(|errno| failed(errno.into()))?;
        }
        let running = spawn(self.host, &self.shim.id, &[], plan).and_then(|waiting| waiting.start());
        streams::silence().map_err(failed)?;
        Ok(running?)
    }

    /// For poll(2).
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.all.iter().map(|one| one.running.pidfd())
    }

    /// Lets those go that have ended: `ended` is in the order of `descriptors`.
    pub(super) fn reap(&mut self, ended: &[bool]) {
        let mut ended = ended.iter();
        self.all.retain_mut(|one| {
            let has_ended = ended.next().copied().unwrap_or_default();
            if has_ended {
                one.tell_end();
            }
            !has_ended
        });
    }

    /// Sends a signal to what this front end began; `false` if that is nothing.
    pub(super) fn signal(&self, front: &Rc<Stream>, signal: Signal) -> bool {
        let Some(own) = self.all.iter().find(|one| one.is_of(front)) else { return false };
        // It may have just ended.
        let _ = signal.send(own.running.pidfd());
        true
    }

    /// What a front end that is gone began goes with it.
    pub(super) fn forget(&mut self, front: &Rc<Stream>) {
        self.all.retain(|one| !one.is_of(front));
    }

    /// Ends all, with the container.
    pub(super) fn finish(&mut self) {
        for mut one in self.all.drain(..) {
            let _ = Signal::KILL.send(one.running.pidfd());
            one.tell_end();
        }
    }
}

impl One<'_> {
    fn is_of(&self, front: &Rc<Stream>) -> bool {
        self.front.as_ref().is_some_and(|own| Rc::ptr_eq(own, front))
    }

    fn tell_end(&mut self) {
        if let (Ok(exit), Some(front)) = (self.running.ended(), &self.front) {
            // One that has no room, or is gone, has had its chance.
            let _ = front.try_send(&Frame::Exited(exit.status()).encode());
        }
    }
}
