//! What the container's first process does before it becomes the user's program: one function, from top to bottom.
//!
//! It runs after a clone of a single-threaded process, and runs no part's code: everything it does is in the plan.

use std::{
    any::Any,
    cell::Cell,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    rc::Rc,
};

use conex_kernel::{
    Error, Kernel, Result, Root,
    operations::{
        BecomeRoot, Join, LoopbackUp, MakePrivate, MayNotDump, OpenConsole, SetHostname, SetOomScoreAdj, SetUmask,
        Terminal, Unshare, WriteTimeOffsets,
    },
    panic_text,
};

use crate::{
    Facts, NAME, Plan, Slot,
    cgroup::Cgroups,
    detached::Trees,
    finish, flags,
    message::Message,
    mounts,
    pair::{Pair, Relay},
    pivot::pivot,
};

/// The child's end of the conversation, and what it has of the host.
pub(crate) struct Child<'a> {
    pub(crate) kernel: Kernel,
    pub(crate) facts: &'a Facts,
    pub(crate) plan: &'a Plan,
    pub(crate) trees: Rc<Trees>,
    pub(crate) cgroups: Rc<Cgroups<'a>>,
    pub(crate) pair: Rc<Pair>,
    /// The parent's end, which the clone copies too: the child that kept it would never hear of the parent's death.
    pub(crate) parents_end: ParentsEnd,
}

/// Taken by the parent after the clone, and dropped by the child; each has its own copy by then.
pub(crate) type ParentsEnd = Rc<Cell<Option<Pair>>>;

/// Exit status of a child that could not become the user's program; the parent tells the user why.
pub(crate) const FAILED: u8 = 125;

impl<'a> Child<'a> {
    /// For the other side of the clone: its records and its errors go to the parent.
    pub(crate) fn new(
        kernel: &Kernel,
        facts: &'a Facts,
        plan: &'a Plan,
        trees: Rc<Trees>,
        cgroups: Rc<Cgroups<'a>>,
    ) -> Result<Self> {
        let (ours, theirs) = Pair::new()?;
        let (parents_end, pair) = (Rc::new(Cell::new(Some(ours))), Rc::new(theirs));
        let kernel = match kernel.is_dry() {
            true => kernel.in_container(|observer| observer),
            false => kernel.in_container(|inner| Rc::new(Relay { inner, pair: pair.clone() })),
        };
        Ok(Self { kernel, facts, plan, trees, cgroups, pair, parents_end })
    }

    /// Lives, and reports why it could not. Comes back only then (and from a dry run).
    pub(crate) fn run(self) -> u8 {
        drop(self.parents_end.take());
        let pair = self.pair.clone();
        match self.live() {
            Ok(()) => 0,
            Err(error) => report(&pair, error),
        }
    }

    // ANCHOR: live
    /// From the clone to exec.
    pub(crate) fn live(self) -> Result<()> {
        let Self { kernel, facts, plan, trees, cgroups, pair, .. } = self;
        let made = expect(&pair, &Message::Mapped)?;
        // Before anything else, so that whatever it does counts.
        cgroups.join(&kernel)?;
        if let Some(value) = plan.oom_score_adj {
            // While the host's /proc is there still: an image could put a file of its own in this one's place.
            kernel.perform(NAME, SetOomScoreAdj { value })?;
        }
        // Directories and nodes get the modes that they are made with, whatever the caller's umask.
        kernel.perform(NAME, SetUmask { bits: 0o022 })?;
        enter_late_namespaces(&kernel, plan, facts)?;
        let terminal = match &plan.root {
            Some(root) => {
                kernel.perform(NAME, MakePrivate)?;
                let ready = trees.root.as_ref().or(made.as_ref());
                let attached = mounts::attach_root(&kernel, facts, plan, root, ready)?;
                let root = Root { fd: attached.as_fd(), path: mounts::root_path(root) };
                mounts::mount_all(&kernel, plan, &trees, root)?;
                name_and_link(&kernel, plan)?;
                let terminal = open_console(&kernel, plan, &pair, root, Some(Path::new("/dev/console")))?;
                pair.send(&Message::Mounted, None)?;
                expect(&pair, &Message::Go)?;
                pivot(&kernel, root)?;
                terminal
            }
            None => {
                name_and_link(&kernel, plan)?;
                let root = mounts::open_root()?;
                let terminal =
                    open_console(&kernel, plan, &pair, Root { fd: root.as_fd(), path: Path::new("/") }, None)?;
                pair.send(&Message::Mounted, None)?;
                expect(&pair, &Message::Go)?;
                terminal
            }
        };
        kernel.perform(NAME, MayNotDump)?;
        finish::become_user(&kernel, plan, &pair, terminal)
    }
    // ANCHOR_END: live
}

/// A panic in the child, such as a learner's `todo!`, reaches the parent as an error with its text.
pub(crate) fn report_panic(pair: &Pair, payload: &(dyn Any + Send)) -> u8 {
    report(pair, Error::refused(NAME, "make the container", format!("panic: {}", panic_text(payload))))
}

pub(crate) fn report(pair: &Pair, error: Error) -> u8 {
    // If the parent is gone there is nobody left to tell.
    let _ = pair.send(&Message::Fault(error), None);
    FAILED
}

/// Waits for one message, and for what comes along; a parent that died ends the child.
fn expect(pair: &Pair, message: &Message) -> Result<Option<OwnedFd>> {
    match pair.receive()? {
        Some((got, along)) if std::mem::discriminant(&got) == std::mem::discriminant(message) => Ok(along),
        Some((got, _)) => Err(Error::refused(NAME, "wait for the parent", format!("it said {got:?}, not {message:?}"))),
        None => Err(Error::refused(NAME, "wait for the parent", "it is gone")),
    }
}

/// The namespaces that one clone can't make, and root's ids in a new user namespace.
fn enter_late_namespaces(kernel: &Kernel, plan: &Plan, facts: &Facts) -> Result<()> {
    match &plan.namespaces.cgroup {
        Slot::New(()) => kernel.perform(NAME, Unshare { flags: libc::CLONE_NEWCGROUP as u64 })?,
        Slot::Join(target) => {
            let (pidfd, flags) = (target.pidfd(), libc::CLONE_NEWCGROUP as u64);
            kernel.perform(NAME, Join { pidfd, pid: target.pid(), flags })?;
        }
        Slot::Host => {}
    }
    if let Some(offsets) = flags::time_offsets(&plan.namespaces) {
        kernel.perform(NAME, Unshare { flags: libc::CLONE_NEWTIME as u64 })?;
        let (monotonic_secs, boottime_secs) = (offsets.monotonic_secs, offsets.boottime_secs);
        kernel.perform(NAME, WriteTimeOffsets { monotonic_secs, boottime_secs })?;
    }
    match &plan.namespaces.user {
        // A user's single id is root's already.
        Slot::New(maps) if maps.setgroups => kernel.perform(NAME, BecomeRoot),
        // Who comes from outside has no id in there: he could make no directory and own no terminal.
        Slot::Join(_) if facts.is_privileged() => kernel.perform(NAME, BecomeRoot),
        _ => Ok(()),
    }
}

/// The host name and the loopback link: what a new UTS and a new network namespace lack.
fn name_and_link(kernel: &Kernel, plan: &Plan) -> Result<()> {
    let (hostname, domainname) = (plan.hostname.as_deref(), plan.domainname.as_deref());
    if plan.namespaces.uts.is_new() && (hostname.is_some() || domainname.is_some()) {
        kernel.perform(NAME, SetHostname { hostname, domainname })?;
    }
    if plan.namespaces.net.is_new() {
        kernel.perform(NAME, LoopbackUp)?;
    }
    Ok(())
}

/// Opens the console in the container's own devpts and sends its master end to the parent.
fn open_console(
    kernel: &Kernel,
    plan: &Plan,
    pair: &Pair,
    root: Root<'_>,
    bind: Option<&Path>,
) -> Result<Option<OwnedFd>> {
    let Some(size) = plan.console else { return Ok(None) };
    let Terminal { master, slave } = kernel.perform(NAME, OpenConsole { root, size, bind })?;
    pair.send(&Message::Console, Some(master.as_fd()))?;
    Ok(Some(slave))
}
