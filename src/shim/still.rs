//! A container that stands still: while it is paused, and while somebody reads what it wrote. The kernel freezes its cgroup;
//! whoever reads holds a conversation open, so that one who dies lets the container go on. See cgroups(7).

use std::rc::Rc;

use super::Shim;
use crate::{
    failure::{Failure, Result},
    kernel::Kernel,
    stack::Stack,
    state::State,
    stream::{Frame, Stream},
};

pub(super) struct Still<'a> {
    shim: &'a Shim,
    stack: &'a Stack,
    /// What is true while it runs; we alone write it.
    state: State,
    readers: Vec<Rc<Stream>>,
    is_frozen: bool,
}

impl<'a> Still<'a> {
    pub(super) fn new(shim: &'a Shim, stack: &'a Stack, state: State) -> Self {
        Self { shim, stack, state, readers: Vec::new(), is_frozen: false }
    }

    /// Until it is resumed, whoever comes and goes.
    pub(super) fn pause(&mut self, front: &Stream) {
        answer(front, self.set_paused(true));
    }

    pub(super) fn resume(&mut self, front: &Stream) {
        answer(front, self.set_paused(false));
    }

    /// For as long as this front end is there.
    pub(super) fn read(&mut self, front: &Rc<Stream>) {
        self.readers.push(front.clone());
        let done = self.settle();
        if done.is_err() {
            self.forget(front);
        }
        answer(front, done);
    }

    /// Whether nothing can be begun now, which this front end is told.
    pub(super) fn refuses(&self, front: &Stream) -> bool {
        if self.is_frozen {
            let (what, way) = match self.state.paused {
                true => ("is paused", format!("conex unpause {}", self.shim.id.short())),
                false => ("stands still while somebody reads it", "try it again in a moment".to_owned()),
            };
            answer(front, Err(Failure::new(format!("container {} {what}", self.shim.id.short())).with_hint(way)));
        }
        self.is_frozen
    }

    /// It is gone.
    pub(super) fn forget(&mut self, front: &Rc<Stream>) {
        self.readers.retain(|reader| !Rc::ptr_eq(reader, front));
        // One that can't be thawed has ended.
        let _ = self.settle();
    }

    fn set_paused(&mut self, paused: bool) -> Result<()> {
        if self.state.paused == paused {
            let word = if paused { "is paused already" } else { "is not paused" };
            return Err(Failure::new(format!("container {} {word}", self.shim.id.short())));
        }
        self.state.paused = paused;
        let done = self.settle().and_then(|()| self.state.write(&self.shim.paths, &self.shim.id));
        if done.is_err() {
            self.state.paused = !paused;
            let _ = self.settle();
        }
        done
    }

    fn settle(&mut self) -> Result<()> {
        let (kernel, id) = (Kernel::quiet(), &self.shim.id);
        let freezes = self.state.paused || !self.readers.is_empty();
        match (self.is_frozen, freezes) {
            (false, true) => {
                self.stack.cgroup().freeze(&kernel, id).inspect_err(|_| drop(self.stack.cgroup().thaw(&kernel, id)))?;
            }
            (true, false) => self.stack.cgroup().thaw(&kernel, id)?,
            _ => {}
        }
        self.is_frozen = freezes;
        Ok(())
    }
}

fn answer(front: &Stream, done: Result<()>) {
    let answer = done.map_or_else(Frame::Failed, |()| Frame::Done);
    // One that is gone is noticed by who reads its words.
    let _ = front.try_send(&answer.encode());
}
