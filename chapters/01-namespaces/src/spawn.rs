//! The life of a container from plan to end: `spawn → Waiting → Running → Finished`. The types hold the order.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    rc::Rc,
};

use conex_kernel::{Error, Kernel, Result};

use crate::{
    ContainerId, Exit, Finished, Host, NAME, Part, Plan, Slot, Target,
    birth::{self, Newborn, clone_child},
    cgroup::Cgroups,
    child::{Child, ParentsEnd},
    detached::Trees,
    fallbacks, idmap, join,
    message::Message,
    pair::Pair,
    refusal,
    undo::Undo,
};

/// Plans, prepares, clones, maps ids and attaches: the child mounts meanwhile, and waits before its pivot.
///
/// On any failure everything that was done is undone, in reverse order, before the error comes back.
pub fn spawn<'a>(
    host: &'a Host,
    id: &'a ContainerId,
    parts: &'a [&'a dyn Part],
    mut plan: Plan,
) -> Result<Waiting<'a>> {
    fill(&mut plan, host, id, parts)?;
    let mut undo = Undo::new(host, id, parts);
    match birth(&mut undo, &plan) {
        Ok((pair, target)) => Ok(Waiting { undo, pair, target }),
        Err(error) => Err(undo.failed(error)),
    }
}

/// Shows every operation of `spawn` and `start` to the kernel's observer, and performs none.
pub fn dry_run(host: &Host, id: &ContainerId, parts: &[&dyn Part], mut plan: Plan) -> Result<()> {
    fill(&mut plan, host, id, parts)?;
    let kernel = &host.kernel;
    parts.iter().try_for_each(|part| part.prepare(host, id))?;
    let trees = Rc::new(Trees::prepare(kernel, &host.facts, &plan)?);
    let cgroups = Rc::new(Cgroups::open(kernel, plan.cgroup.as_ref())?);
    clone_child(kernel, Child::new(kernel, &host.facts, &plan, trees.clone(), cgroups.clone())?)?;
    let root = write_maps(host, &plan, &trees, 0)?;
    // What the parent will say is said in advance, and what the child would have done is told in this process.
    let child = Child::new(kernel, &host.facts, &plan, trees, cgroups)?;
    if !plan.namespaces.joined().is_empty() {
        join::join(&child.kernel, &birth::early(&plan.namespaces))?;
    }
    let ours = parents_end(&child.parents_end)?;
    ours.send(&Message::Mapped, root.as_ref().map(AsFd::as_fd))?;
    ours.send(&Message::Go, None)?;
    child.live()
}

fn parents_end(end: &ParentsEnd) -> Result<Pair> {
    end.take().ok_or_else(|| Error::refused(NAME, "take our end of the pair", "it was taken before"))
}

fn fill(plan: &mut Plan, host: &Host, id: &ContainerId, parts: &[&dyn Part]) -> Result<()> {
    for (position, part) in parts.iter().enumerate() {
        if parts[..position].iter().any(|other| other.name() == part.name()) {
            return Err(Error::refused(part.name(), "join the stack", "there is a part of this name already"));
        }
        part.plan(&host.facts, id, plan);
    }
    fallbacks::fit(plan)?;
    plan.settle()
}

/// Prepares, clones, and speaks with the child until it can go on by itself.
fn birth(undo: &mut Undo<'_>, plan: &Plan) -> Result<(Pair, Target)> {
    let (host, kernel) = (undo.host, &undo.host.kernel);
    undo.prepare()?;
    let trees = Rc::new(Trees::prepare(kernel, &host.facts, plan)?);
    let cgroups = Rc::new(Cgroups::open(kernel, plan.cgroup.as_ref())?);
    let child = Child::new(kernel, &host.facts, plan, trees.clone(), cgroups)?;
    let end = child.parents_end.clone();
    let newborn = clone_child(kernel, child)?;
    let pair = parents_end(&end)?;
    let target = match newborn {
        Newborn::Container(target) => target,
        Newborn::Usher(usher) => ushered(undo, &pair, usher)?,
    };
    undo.watch(target.clone());
    let root =
        write_maps(host, plan, &trees, target.pid()).map_err(|error| refusal::explain_map(error, &host.facts))?;
    pair.send(&Message::Mapped, root.as_ref().map(AsFd::as_fd))?;
    undo.attach(&target)?;
    Ok((pair, target))
}

/// Waits for the usher's word, and for its end.
fn ushered(undo: &mut Undo<'_>, pair: &Pair, usher: Target) -> Result<Target> {
    let born = birth::wait_for_word(pair, &usher).and_then(|()| next(pair, &undo.host.kernel));
    let dismissed = birth::dismiss(&usher);
    match born? {
        (Message::Born { pid }, Some(pidfd)) => {
            let target = Target::new(pid, pidfd);
            undo.watch(target.clone());
            dismissed.map(|()| target)
        }
        (other, _) => Err(unexpected(&other)),
    }
}

/// Gives the root, if it could only be made now that there are maps.
fn write_maps(host: &Host, plan: &Plan, trees: &Trees, pid: i32) -> Result<Option<OwnedFd>> {
    if let Slot::New(maps) = &plan.namespaces.user {
        idmap::write_id_maps(&host.kernel, pid, maps)?;
    }
    trees.map_ids(&host.kernel, &host.facts, plan, pid)
}

/// The next message that is not a record, or `None` at the end; records go to the observer, a fault becomes its error.
fn next_or_end(pair: &Pair, kernel: &Kernel) -> Result<Option<(Message, Option<OwnedFd>)>> {
    loop {
        match pair.receive()? {
            Some((Message::Did(record), _)) => {
                if let Some(observer) = kernel.observer() {
                    observer.after(record);
                }
            }
            Some((Message::Fault(error), _)) => return Err(error),
            other => return Ok(other),
        }
    }
}

/// The next message of a child that has more to say.
fn next(pair: &Pair, kernel: &Kernel) -> Result<(Message, Option<OwnedFd>)> {
    next_or_end(pair, kernel)?.ok_or_else(|| {
        Error::refused(NAME, "make the container", "its process ended before it ran the program")
            .with_hint("the kernel's log may say why; out of memory is the usual reason")
    })
}

fn unexpected(message: &Message) -> Error {
    Error::refused(NAME, "listen to the container", format!("it said {message:?} at the wrong time"))
}

/// A container whose parts are attached and whose process waits before its pivot. Undone when dropped.
pub struct Waiting<'a> {
    undo: Undo<'a>,
    pair: Pair,
    target: Target,
}

impl<'a> Waiting<'a> {
    /// Its process.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Lets it run the program; comes back once it does.
    pub fn start(mut self) -> Result<Running<'a>> {
        match self.converse() {
            Ok(console) => Ok(Running { undo: self.undo, target: self.target, console, exit: None }),
            Err(error) => {
                let error = refusal::explain(error, &self.undo.host.facts);
                Err(self.undo.failed(error))
            }
        }
    }

    fn converse(&mut self) -> Result<Option<OwnedFd>> {
        let kernel = &self.undo.host.kernel;
        // Said in advance: a child that still mounts need not wait for us at its pivot. If it is gone, what it said
        // before tells more than this error.
        let _ = self.pair.send(&Message::Go, None);
        let mut console = None;
        loop {
            match next(&self.pair, kernel)? {
                (Message::Console, Some(master)) => console = Some(master),
                (Message::Mounted, _) => {}
                (Message::Exec, _) => break,
                (other, _) => return Err(unexpected(&other)),
            }
        }
        // After the last word comes either the end, since exec closed the child's end, or why exec failed.
        match next_or_end(&self.pair, kernel)? {
            None => Ok(console),
            Some((other, _)) => Err(unexpected(&other)),
        }
    }
}

/// A container whose program runs. Killed and undone when dropped.
pub struct Running<'a> {
    undo: Undo<'a>,
    target: Target,
    console: Option<OwnedFd>,
    exit: Option<Exit>,
}

impl Running<'_> {
    /// Its process.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The master end of its pseudo-terminal, if the plan asked for one.
    pub fn console(&self) -> Option<&OwnedFd> {
        self.console.as_ref()
    }

    /// Another handle on it.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.target.pidfd()
    }

    /// Waits for its process to end. Its parts are there still, so that what they counted can be read.
    pub fn ended(&mut self) -> Result<Exit> {
        match self.exit {
            Some(exit) => Ok(exit),
            None => Ok(*self.exit.insert(self.undo.wait()?)),
        }
    }

    /// Waits for its process to end, then cleans up.
    pub fn wait(mut self) -> Result<Finished> {
        let exit = self.ended()?;
        Ok(Finished { exit, leftovers: self.undo.unwind() })
    }
}
