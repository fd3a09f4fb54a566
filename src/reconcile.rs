//! Finishing what a crash left: a container whose lock is free although its record says that somebody is at it. Every
//! command does this first; nothing that is alive is ever touched, since whoever is at it holds the lock.

use std::{
    fs::{self, File},
    os::fd::{AsFd, BorrowedFd},
    path::Path,
};

use rustix::{
    fs::{FlockOperation, Mode, OFlags, flock, openat},
    io::Errno,
};

use crate::{
    choices::Choices,
    engine::Engine,
    failure::{Failure, Result},
    files,
    kernel::Kernel,
    lock::{self, Lock},
    namespaces::ContainerId,
    paths::{Aside, Paths},
    removal::remove_files,
    stack,
    state::{State, Status, UNSEEN},
};

/// Looks at every container that has a run directory: those that live, and those that a crash left. Gives what could not
/// be finished, which harms nobody but that container.
pub(crate) fn all(engine: &Engine) -> Result<Vec<Failure>> {
    let directory = engine.paths().run_root();
    let failed = |error| Failure::io(directory.display(), &error);
    let entries = fs::read_dir(directory).map_err(failed)?;
    let opened = File::open(directory).map_err(failed)?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let idle = names.filter(|name| !is_held(engine.paths(), opened.as_fd(), name));
    Ok(idle.filter_map(|name| by_name(engine, &name).err()).collect())
}

/// Whether somebody is at it: of a thousand containers nearly all. By a short path from an open directory, and together
/// with others who only look: every command asks this of every container.
fn is_held(paths: &Paths, run_root: BorrowedFd<'_>, name: &str) -> bool {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let lock = openat(run_root, paths.lock_in(Path::new(name)), flags, Mode::empty());
    lock.is_ok_and(|lock| flock(lock, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK))
}

fn by_name(engine: &Engine, name: &str) -> Result<()> {
    for aside in [Aside::New, Aside::Gone] {
        if let Some(id) = name.strip_prefix(aside.prefix()).and_then(|id| ContainerId::parse(id).ok()) {
            return lock::remove_aside(engine.paths(), &engine.paths().run_aside(&id, aside), aside);
        }
    }
    let Ok(id) = ContainerId::parse(name) else { return Ok(()) };
    one(engine, &id).map_err(|failure| Failure { message: format!("container {}: {failure}", id.short()), ..failure })
}

/// Finishes one container, if nobody is at it.
pub(crate) fn one(engine: &Engine, id: &ContainerId) -> Result<()> {
    let paths = engine.paths();
    let Some(lock) = Lock::try_take(paths, id)? else { return Ok(()) };
    let state: Option<State> = files::read_json(&paths.state(id)).unwrap_or_default();
    stack::thaw(paths, id);
    if let Some(process) = state.as_ref().and_then(|state| state.process.as_ref()) {
        process.kill();
    }
    stack::clean_up(&engine.host(Kernel::quiet()), paths, id)?;
    finish(paths, id, state)?;
    drop(lock);
    Ok(())
}

/// What was to be removed, or never came to be, goes; the rest has ended, and nobody saw how.
fn finish(paths: &Paths, id: &ContainerId, state: Option<State>) -> Result<()> {
    let never_ran = state.as_ref().is_none_or(|state| state.status == Status::Starting);
    if never_ran && paths.ended(id).exists() {
        // It was to be started again, or only to be kept from that: it is what it was before.
        return lock::remove_run(paths, id);
    }
    let choices = Choices::read(paths, id);
    let removing = state.as_ref().is_some_and(|state| state.status == Status::Removing);
    // A record that is there but can't be read is the user's to remove.
    let unborn = choices.is_err() && !paths.choices(id).exists();
    if removing || unborn || choices.is_ok_and(|choices| choices.remove) {
        return remove_files(paths, id);
    }
    let ended = match state {
        Some(state) if !never_ran => state.ended(UNSEEN),
        _ => State { status: Status::Created, ..State::starting() },
    };
    ended.write_ended(paths, id)
}
