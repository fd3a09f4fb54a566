//! Taking containers away: under their lock, so that nobody starts one meanwhile, and written down before it begins, so that
//! whoever comes after a crash goes on with it.

use std::thread;

use crate::{
    choices::Choices,
    engine::Engine,
    failure::{Failure, Result},
    files,
    kernel::Kernel,
    lock::{self, Lock},
    name,
    namespaces::ContainerId,
    paths::Paths,
    stack,
    state::{State, Status},
};

/// How sure a user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// Refuse to remove what runs.
    No,
    /// Kill it first.
    Yes,
}

impl Engine {
    /// Takes a container away.
    pub fn remove(&self, word: &str, force: Force) -> Result<ContainerId> {
        let id = self.find(word)?;
        for _ in 0..WAIT_TRIES {
            if let Some(lock) = self.take_to_remove(&id)? {
                // Whoever comes after us, should we be killed, goes on with it.
                State { status: Status::Removing, ..State::starting() }.write(self.paths(), &id)?;
                remove_files(self.paths(), &id)?;
                drop(lock);
                return Ok(id);
            }
            match State::read(self.paths(), &id) {
                Ok(state) if matches!(state.status, Status::Running | Status::Starting) => {
                    if force == Force::No {
                        let message = format!("container {word} is running");
                        return Err(Failure::new(message).with_hint(format!("stop it by force: conex rm -f {word}")));
                    }
                    self.kill(&id, &state);
                }
                _ if !self.paths().container(&id).exists() => return Ok(id),
                // Somebody else is at it: takes it away, say, or copies something into it.
                _ => {}
            }
            thread::sleep(WAIT_STEP);
        }
        Err(Failure::new(format!("somebody else is at container {}, or it does not end", id.short())))
    }

    /// The lock of a container that does not run; also of one whose shim was killed.
    fn take_to_remove(&self, id: &ContainerId) -> Result<Option<Lock>> {
        if let Some(lock) = Lock::create_again(self.paths(), id)? {
            return Ok(Some(lock));
        }
        let left = Lock::try_take(self.paths(), id)?;
        if left.is_some() {
            stack::clean_up(&self.host(Kernel::quiet()), self.paths(), id)?;
        }
        Ok(left)
    }

    /// Its shim writes how it ended and lets go of it. One that is being born has a process only later.
    fn kill(&self, id: &ContainerId, state: &State) {
        if state.paused {
            stack::thaw(self.paths(), id);
        }
        if let Some(process) = &state.process {
            process.kill();
        }
    }
}

const WAIT_STEP: std::time::Duration = std::time::Duration::from_millis(2);
const WAIT_TRIES: u32 = 5_000;

/// Takes everything away that is named by the id. The record goes last but for the run directory, whose lock says that
/// somebody is at it.
pub(crate) fn remove_files(paths: &Paths, id: &ContainerId) -> Result<()> {
    let _edit = lock::edit(paths, id);
    let recorded = Choices::read(paths, id).ok().map(|choices| choices.name);
    if let Some(name) = name::of(paths, id, recorded.as_deref()) {
        name.release(paths, id)?;
    }
    for path in [paths.upper(id), paths.work(id), paths.container(id)] {
        files::remove(&path)?;
    }
    lock::remove_run(paths, id)
}
