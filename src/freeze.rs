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
    let (held, _lock) = loop {
        // Ctrl-C is heard while somebody else has it, and once the container goes on again.
        let held = HeldSignals::hold()?;
        match lock::try_exclusive(&path)? {
            // Whoever had it before may have taken it away.
            Some(lock) if lock::is_at(&lock, &path) => break (held, lock),
            _ => drop(held),
        }
        std::thread::sleep(STEP);
    };
    let (stack, kernel) = (Stack::new(&Choices::read(paths, id)?, paths)?, Kernel::quiet());
    let done = stack.cgroup().freeze(&kernel, id).map_err(Failure::from).and_then(|()| act());
    let thawed = stack.cgroup().thaw(&kernel, id).map_err(Failure::from).and_then(|()| files::remove(&path));
    drop(held);
    done.and_then(|done| thawed.map(|()| done))
}

#[cfg(feature = "cli")]
const STEP: std::time::Duration = std::time::Duration::from_millis(10);

/// Signals that would end us, kept until this is dropped.
#[cfg(feature = "cli")]
struct HeldSignals {
    before: SigSet,
}

#[cfg(feature = "cli")]
impl HeldSignals {
    fn hold() -> Result<Self> {
        let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
        let before = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK);
        Ok(Self { before: before.map_err(|errno| Failure::io("block signals", &errno.into()))? })
    }
}

#[cfg(feature = "cli")]
impl Drop for HeldSignals {
    fn drop(&mut self) {
        // It was the mask before.
        let _ = self.before.thread_set_mask();
    }
}

/// Lets a container go on if whoever froze it is dead.
pub(crate) fn end_abandoned(paths: &Paths, id: &ContainerId) -> Result<()> {
    let path = paths.frozen(id);
    let Some(_lock) = lock::try_existing(&path)? else { return Ok(()) };
    Stack::new(&Choices::read(paths, id)?, paths)?.cgroup().thaw(&Kernel::quiet(), id)?;
    files::remove(&path)
}
