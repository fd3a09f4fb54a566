//! A container that stands still while somebody reads what it wrote. He holds the lock of a file in its run directory; one
//! that is there with its lock free was left by somebody who died, and whoever comes next lets the container go on. See
//! flock(2).

#[cfg(feature = "cli")]
use nix::sys::signal::{SigSet, SigmaskHow, Signal};

use crate::{
    choices::Choices, failure::Result, files, kernel::Kernel, lock, namespaces::ContainerId, paths::Paths, stack::Stack,
};
#[cfg(feature = "cli")]
use crate::{
    failure::Failure,
    state::{State, Status},
};

/// Does something while the container's processes stand still, if there are any. Waits while somebody else does.
#[cfg(feature = "cli")]
pub(crate) fn during<T>(paths: &Paths, id: &ContainerId, act: impl FnOnce() -> Result<T>) -> Result<T> {
    if !State::read(paths, id).is_ok_and(|state| state.status == Status::Running) {
        return act();
    }
    let path = paths.frozen(id);
    let _lock = loop {
        let lock = lock::exclusive(&path)?;
        // Whoever had it before has taken it away.
        if lock::is_at(&lock, &path) {
            break lock;
        }
    };
    let (stack, kernel) = (Stack::new(&Choices::read(paths, id)?, paths)?, Kernel::quiet());
    // Ctrl-C is heard, once the container goes on again.
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
    let failed = |errno: nix::errno::Errno| Failure::io("block signals", &errno.into());
    let before = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK).map_err(failed)?;
    let done = stack.cgroup().freeze(&kernel, id).map_err(Failure::from).and_then(|()| act());
    let thawed = stack.cgroup().thaw(&kernel, id).map_err(Failure::from).and_then(|()| files::remove(&path));
    before.thread_set_mask().map_err(failed)?;
    done.and_then(|done| thawed.map(|()| done))
}

/// Lets a container go on if whoever froze it is dead.
pub(crate) fn end_abandoned(paths: &Paths, id: &ContainerId) -> Result<()> {
    let path = paths.frozen(id);
    let Some(_lock) = lock::try_existing(&path)? else { return Ok(()) };
    Stack::new(&Choices::read(paths, id)?, paths)?.cgroup().thaw(&Kernel::quiet(), id)?;
    files::remove(&path)
}
