//! A container's root as others see it, whether it runs or not: for copies and exports. Nothing in it is executed, and
//! nothing is opened but by a descriptor of its root. See proc_pid_root(5), fsmount(2).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::{
    fs::{CWD, Mode, OFlags, openat},
    io::Errno,
};

use crate::{
    choices::Choices,
    engine::{Created, Engine},
    failure::{Failure, Result},
    kernel::Kernel,
    lock::Lock,
    namespaces::ContainerId,
    overlay::Access,
    stack::Stack,
    state::{Identity, State, Status},
    stream::Stream,
};

/// A root, for as long as this is held.
#[derive(Debug)]
pub struct View {
    root: OwnedFd,
    _held: Held,
}

/// What keeps it as it is.
#[derive(Debug)]
enum Held {
    /// It runs, and goes on.
    Nothing,
    /// It stands still.
    Still { _until_dropped: Stream },
    /// Nobody can start it.
    Stopped { _lock: Created },
}

impl View {
    /// The root's directory.
    pub fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }
}

impl Engine {
    /// The root of a container with all that is mounted in it, if it runs; otherwise what it would see of its image and its
    /// own files.
    pub fn view(&self, id: &ContainerId, access: Access) -> Result<View> {
        let choices = Choices::read(self.paths(), id)?;
        if access == Access::Write && choices.read_only {
            let failure = Failure::new(format!("the root of container {} can't be written to", id.short()));
            return Err(failure.with_hint("it was made with --read-only"));
        }
        for _ in 0..TRIES_MAX {
            if let Some(process) = running(self, id)? {
                match root_of(&process)? {
                    Some(root) => return Ok(View { root, _held: Held::Nothing }),
                    // It has just ended.
                    None => std::thread::sleep(STEP),
                }
            } else if access == Access::Read {
                // Read only, it may be started meanwhile.
                return Ok(View { root: self.outside(id, &choices, access)?, _held: Held::Nothing });
            } else if let Some(held) = self.hold(id)? {
                let root = self.outside(id, &choices, access)?;
                return Ok(View { root, _held: Held::Stopped { _lock: held } });
            } else {
                // Somebody starts it, or writes to it as we do.
                std::thread::sleep(STEP);
            }
        }
        Err(Failure::new(format!("somebody else is at container {}", id.short())))
    }

    /// What a container sees of its image and its own files, without anything that is mounted there; meanwhile it stands
    /// still, if we are root.
    pub fn view_alone(&self, id: &ContainerId) -> Result<View> {
        // An ordinary user mounts nothing, and may have no cgroup: he looks in by the container's own process.
        if !self.facts().is_privileged() {
            return self.view(id, Access::Read);
        }
        let Some(still) = self.freeze(id)? else { return self.view(id, Access::Read) };
        let root = self.outside(id, &Choices::read(self.paths(), id)?, Access::Read)?;
        Ok(View { root, _held: Held::Still { _until_dropped: still } })
    }

    fn outside(&self, id: &ContainerId, choices: &Choices, access: Access) -> Result<OwnedFd> {
        Stack::new(choices, self.paths())?.view(&self.host(Kernel::quiet()), id, access)
    }

    /// Keeps a container that does not run from being started; `None` if somebody is at it. What is known of it stays.
    fn hold(&self, id: &ContainerId) -> Result<Option<Created>> {
        let lock = Lock::create_again(self.paths(), id)?;
        Ok(lock.map(|lock| Created::again(id.clone(), self.paths().clone(), lock)))
    }
}

const TRIES_MAX: u32 = 5_000;
const STEP: std::time::Duration = std::time::Duration::from_millis(2);

fn running(engine: &Engine, id: &ContainerId) -> Result<Option<Identity>> {
    let state = State::read(engine.paths(), id)?;
    Ok(state.process.filter(|_| state.status == Status::Running))
}

/// The root directory of a process; `None` once it has ended.
fn root_of(process: &Identity) -> Result<Option<OwnedFd>> {
    let path = format!("/proc/{}/root", process.pid);
    match openat(CWD, &path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
        // Looked at once it is held: a number that was given to another since then is not it.
        Ok(root) => Ok(process.hold().map(|_| root)),
        Err(Errno::NOENT | Errno::SRCH) => Ok(None),
        Err(errno) => {
            let failure = Failure::io(format_args!("look into process {}", process.pid), &errno.into());
            Err(failure.with_hint("an init of ours can be looked into by root alone"))
        }
    }
}
