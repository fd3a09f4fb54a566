//! What becomes of a container after it was made: started again, asked to end, killed, waited for, renamed.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::PathBuf,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, retry_on_intr},
};

use crate::{
    census,
    cgroups::Usage,
    choices::Choices,
    control,
    engine::{Created, Engine},
    exec::{Beside, Exec},
    failure::{Failure, Result},
    lock::{self, Lock},
    name::{self, Name},
    namespaces::ContainerId,
    signal::Signal,
    stack::Stack,
    state::{State, Status},
    stream::{Frame, Stream},
};

/// How long somebody waits for a container to end by itself; `None` is for ever.
pub type Patience = Option<Duration>;

impl Engine {
    /// Takes a container that does not run, so that it can be started; `None` if it runs. Waits while somebody else is at it:
    /// copies something into it, say.
    pub fn take(&self, id: &ContainerId) -> Result<Option<Created>> {
        let paths = self.paths();
        for _ in 0..STARTING_TRIES {
            Choices::read(paths, id)?;
            if let Some(lock) = Lock::create_again(paths, id)? {
                State::starting().write(paths, id)?;
                return Ok(Some(Created::again(id.clone(), paths.clone(), lock)));
            }
            match State::read(paths, id) {
                Ok(state) if state.paused => {
                    let failure = Failure::new(format!("container {} is paused", id.short()));
                    return Err(failure.with_hint(format!("conex unpause {}", id.short())));
                }
                Ok(state) if matches!(state.status, Status::Starting | Status::Running) => return Ok(None),
                _ => std::thread::sleep(STEP),
            }
        }
        Err(Failure::new(format!("somebody else is at container {}", id.short())))
    }

    /// A conversation with the shim of a container; `None` if it does not run.
    pub fn connect(&self, id: &ContainerId) -> Result<Option<Stream>> {
        let failed = |error| Failure::io(format_args!("talk to container {}", id.short()), &error);
        for _ in 0..STARTING_TRIES {
            if let Some(stream) = control::connect(self.paths(), id).map_err(failed)? {
                return Ok(Some(stream));
            }
            // Between its birth and its socket.
            let state = State::read(self.paths(), id);
            if !state.is_ok_and(|state| matches!(state.status, Status::Starting | Status::Running)) {
                return Ok(None);
            }
            std::thread::sleep(STEP);
        }
        Err(Failure::new(format!("container {} does not answer", id.short())))
    }

    /// Sends a signal to the first process of a container that runs.
    pub fn signal(&self, id: &ContainerId, signal: Signal) -> Result<()> {
        let process = self.process(id)?.ok_or_else(|| not_running(id))?;
        match signal.send(process.as_fd()) {
            Err(error) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => return Err(not_running(id)),
            sent => sent.map_err(|error| Failure::io(format_args!("signal container {}", id.short()), &error))?,
        }
        self.let_go_on(id);
        Ok(())
    }

    /// The pids of a container that runs, by our count; its first process is the first.
    pub fn processes(&self, id: &ContainerId) -> Result<Vec<i32>> {
        census::of(self.paths(), id)
    }

    /// What a container has used so far; nothing where it has no cgroup.
    pub fn usage(&self, id: &ContainerId) -> Result<Usage> {
        Ok(Stack::new(&Choices::read(self.paths(), id)?, self.paths())?.cgroup().usage(id))
    }

    /// The cgroups of a container that are there.
    pub fn cgroups(&self, id: &ContainerId) -> Result<Vec<PathBuf>> {
        let directories = Stack::new(&Choices::read(self.paths(), id)?, self.paths())?.cgroup().directories(id);
        Ok(directories.into_iter().filter(|path| path.is_dir()).collect())
    }

    /// Lets a container that runs stand still.
    pub fn pause(&self, id: &ContainerId) -> Result<()> {
        self.ask(id, &Frame::Pause)?.map(drop).ok_or_else(|| not_running(id))
    }

    /// Lets one that stands still go on.
    pub fn resume(&self, id: &ContainerId) -> Result<()> {
        self.ask(id, &Frame::Resume)?.map(drop).ok_or_else(|| not_running(id))
    }

    /// Lets a container stand still until what this gives is dropped; `None` if it does not run.
    pub fn freeze(&self, id: &ContainerId) -> Result<Option<Stream>> {
        self.ask(id, &Frame::Freeze)
    }

    /// Asks the shim of a container for something, and waits until it is done; `None` if it does not run.
    fn ask(&self, id: &ContainerId, frame: &Frame) -> Result<Option<Stream>> {
        let failed = |error| Failure::io(format_args!("talk to container {}", id.short()), &error);
        let Some(stream) = self.connect(id)? else { return Ok(None) };
        stream.send(frame, None).map_err(failed)?;
        loop {
            match stream.receive().map_err(failed)? {
                Some((Frame::Done, _)) => return Ok(Some(stream)),
                Some((Frame::Failed(failure), _)) => return Err(failure),
                Some(_) => {}
                // It has ended meanwhile.
                None => return Ok(None),
            }
        }
    }

    /// Asks a container to end, and kills it if it does not in time. One that does not run has done so already.
    pub fn stop(&self, id: &ContainerId, signal: Signal, patience: Patience) -> Result<()> {
        let Some(process) = self.process(id)? else { return Ok(()) };
        let sent = signal.send(process.as_fd());
        self.let_go_on(id);
        // Who can't hear need not be waited for long.
        let patience = if sent.is_ok() { patience } else { Some(UNHEARD) };
        if !ends_within(&process, patience)? {
            let _ = Signal::KILL.send(process.as_fd());
        }
        self.wait(id).map(drop)
    }

    /// Waits until a container does not run any more; how it ended.
    pub fn wait(&self, id: &ContainerId) -> Result<u8> {
        if let Some(stream) = self.connect(id)? {
            loop {
                match stream.receive() {
                    Ok(Some((Frame::Exited(code), _))) => return Ok(code),
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => break,
                }
            }
        }
        // Its shim died, perhaps: whoever comes next finishes for it, once the kernel has let go of its lock.
        for _ in 0..STARTING_TRIES {
            let state = State::read(self.paths(), id)?;
            if !matches!(state.status, Status::Starting | Status::Running) {
                return Ok(state.exit_code.unwrap_or_default());
            }
            crate::reconcile::one(self, id)?;
            std::thread::sleep(STEP);
        }
        Err(Failure::new(format!("container {} does not end", id.short())))
    }

    /// Begins one more program in a container that runs, with these standard streams or none. Its shim is its parent.
    pub fn exec(&self, id: &ContainerId, asked: &Exec, streams: Option<[BorrowedFd<'_>; 3]>) -> Result<Beside> {
        let failed = |error| Failure::io(format_args!("talk to container {}", id.short()), &error);
        let Some(stream) = self.connect(id)? else {
            let failure = Failure::new(format!("container {} is not running", id.short()));
            return Err(failure.with_hint(format!("conex start {}", id.short())));
        };
        for descriptor in streams.into_iter().flatten() {
            stream.send(&Frame::Lend, Some(descriptor)).map_err(failed)?;
        }
        stream.send(&Frame::Exec(asked.clone()), None).map_err(failed)?;
        Beside::begun(stream, id)
    }

    /// Gives a container another name.
    pub fn rename(&self, id: &ContainerId, name: &Name) -> Result<()> {
        let paths = self.paths();
        let _edit = lock::edit(paths, id)?;
        let choices = Choices::read(paths, id)?;
        let Some(old) = name::of(paths, id, Some(&choices.name)) else {
            return Err(Failure::new(format!("container {} has no name", id.short())));
        };
        if old == *name {
            return Err(Failure::new(format!("container {} has that name already", id.short())));
        }
        name.replace(&old, paths)?;
        Choices { name: name.as_str().to_owned(), ..choices }.write(paths, id)
    }

    /// One that is paused hears a signal only once it goes on; so does docker.
    fn let_go_on(&self, id: &ContainerId) {
        if State::read(self.paths(), id).is_ok_and(|state| state.paused) {
            // It may have ended meanwhile, or somebody else was faster.
            let _ = self.resume(id);
        }
    }

    /// The first process of a container, if it runs; waits while it is being born.
    fn process(&self, id: &ContainerId) -> Result<Option<OwnedFd>> {
        for _ in 0..STARTING_TRIES {
            let state = State::read(self.paths(), id)?;
            match (state.status, state.process) {
                (Status::Starting, _) => std::thread::sleep(STEP),
                (_, Some(process)) => return Ok(process.hold()),
                (_, None) => return Ok(None),
            }
        }
        Err(Failure::new(format!("container {} does not come up", id.short())))
    }
}

fn not_running(id: &ContainerId) -> Failure {
    Failure::new(format!("container {} is not running", id.short()))
}

const STEP: Duration = Duration::from_millis(2);
const STARTING_TRIES: u32 = 5_000;
/// Docker's patience with a container that could not be asked.
const UNHEARD: Duration = Duration::from_secs(2);

fn ends_within(process: &OwnedFd, patience: Patience) -> Result<bool> {
    let limit = patience.map(|it| Timespec { tv_sec: it.as_secs().cast_signed(), tv_nsec: it.subsec_nanos().into() });
    let mut fds = [PollFd::new(process, PollFlags::IN)];
    let ready = retry_on_intr(|| poll(&mut fds, limit.as_ref()));
    ready.map(|ready| ready > 0).map_err(|errno| Failure::io("wait for a container", &errno.into()))
}
