//! The clone: directly, or by an usher that first enters the namespaces which the plan joins.

use std::{
    cell::Cell,
    os::fd::{AsFd, BorrowedFd},
    path::Path,
    rc::Rc,
};

use conex_kernel::{
    Error, Kernel, Result,
    operations::{Clone, Cloned},
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    process::{WaitId, WaitIdOptions, waitid},
};

use crate::{
    NAME, Namespaces, Slot, Target,
    child::{Child, FAILED, report_panic},
    flags::clone_flags,
    join,
    message::Message,
    pair::Pair,
    refusal,
};

/// The process that was made: the container's own, or the usher that will send word of it.
pub(crate) enum Newborn {
    /// The container's first process.
    Container(Target),
    /// Ends by itself once it has sent `Born` or `Fault`.
    Usher(Target),
}

/// Makes the container's process, or its usher. The child's end of the pair goes with it and is closed here.
pub(crate) fn clone_child(kernel: &Kernel, child: Child<'_>) -> Result<Newborn> {
    let namespaces = &child.plan.namespaces;
    let flags = clone_flags(namespaces);
    let facts = child.facts;
    let joins = !namespaces.joined().is_empty();
    let (pair, cgroups) = (child.pair.clone(), child.cgroups.clone());
    let late = if namespaces.cgroup.is_new() { libc::CLONE_NEWCGROUP as u64 } else { 0 };
    let cloned = match joins {
        false => clone(kernel, (flags, late), cgroups.birthplace(), pair, move || child.run()),
        true => clone(kernel, (0, 0), None, pair, move || usher(child, flags)),
    };
    let target =
        cloned.map(|Cloned { pid, pidfd }| Target::new(pid, pidfd)).map_err(|error| refusal::explain(error, facts))?;
    Ok(if joins { Newborn::Usher(target) } else { Newborn::Container(target) })
}

/// `flags`: those of this clone, and those that the child will unshare.
fn clone<'a>(
    kernel: &Kernel,
    (flags, late): (u64, u64),
    cgroup: Option<(BorrowedFd<'_>, &Path)>,
    pair: Rc<Pair>,
    main: impl FnOnce() -> u8 + 'a,
) -> Result<Cloned> {
    let quiet_main = move || {
        // The parent tells the user what went wrong; a second voice on the same stderr would only confuse.
        std::panic::set_hook(Box::new(|_| {}));
        main()
    };
    let panicked = move |payload: Box<dyn std::any::Any + Send>| report_panic(&pair, payload.as_ref());
    kernel
        .perform(NAME, Clone { flags, late, cgroup, main: Cell::new(Some((Box::new(quiet_main), Box::new(panicked)))) })
}

/// Joins, clones a sibling rather than a child, sends its descriptor to the parent of both, and ends.
fn usher(child: Child<'_>, flags: u64) -> u8 {
    drop(child.parents_end.take());
    let (kernel, pair, cgroups) = (child.kernel.clone(), child.pair.clone(), child.cgroups.clone());
    let born = join::join(&kernel, &early(&child.plan.namespaces))
        .and_then(|()| {
            let flags = flags | libc::CLONE_PARENT as u64;
            clone(&kernel, (flags, 0), cgroups.birthplace(), pair.clone(), move || child.run())
        })
        .and_then(|Cloned { pid, pidfd }| pair.send(&Message::Born { pid }, Some(pidfd.as_fd())));
    match born {
        Ok(()) => 0,
        Err(error) => {
            let _ = pair.send(&Message::Fault(error), None);
            FAILED
        }
    }
}

/// All but the cgroup namespace, which the container's process joins once it is in its cgroup: from inside, ours would be
/// out of sight, and the kernel moves nobody into or out of what can't be seen.
pub(crate) fn early(namespaces: &Namespaces) -> Namespaces {
    Namespaces { cgroup: Slot::Host, ..namespaces.clone() }
}

/// Waits until the usher has said something, or has died without a word: the process that it may have made by then keeps
/// the pair open and waits for us, and ends only when we close ours.
pub(crate) fn wait_for_word(pair: &Pair, usher: &Target) -> Result<()> {
    let (said, ended) = (pair.descriptor(), usher.pidfd());
    let mut fds = [PollFd::new(&said, PollFlags::IN), PollFd::new(&ended, PollFlags::IN)];
    rustix::io::retry_on_intr(|| poll(&mut fds, None))
        .map_err(|errno| Error::new(NAME, "wait for the usher", &errno.into()))?;
    if fds[0].revents().is_empty() {
        return Err(Error::refused(NAME, "join the container", "the process that was to enter it was killed"));
    }
    Ok(())
}

/// Waits until the usher has ended.
pub(crate) fn dismiss(usher: &Target) -> Result<()> {
    let waited = rustix::io::retry_on_intr(|| waitid(WaitId::PidFd(usher.pidfd()), WaitIdOptions::EXITED));
    match waited {
        // Somebody who ignores SIGCHLD has no children to wait for, only ended ones.
        Ok(_) | Err(Errno::CHILD) => Ok(()),
        Err(errno) => Err(Error::new(NAME, "wait for the usher", &errno.into())),
    }
}
