//! The shim: one process a container, with one thread. It makes the container, carries its output, waits for its end,
//! takes it down and writes what happened. `main` runs in a program of its own, which the library embeds.

mod beside;
mod companions;
mod fronts;
mod recorder;
mod relay;
mod still;
mod streams;

use std::{
    env,
    ffi::CStr,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    rc::Rc,
};

use rustix::{
    fs::Mode,
    io::fcntl_dupfd_cloexec,
    process::{DumpableBehavior, set_dumpable_behavior, setsid, umask},
    stdio::{stdin, stdout},
    thread::set_name,
};
use std::os::fd::{AsFd, OwnedFd};

use crate::{
    choices::Choices,
    control,
    failure::{Failure, Result},
    kernel::{Kernel, Observer, Record},
    namespaces::{ContainerId, Facts, Host, Part, Plan, Running, spawn},
    paths::Paths,
    removal::remove_files,
    stack::Stack,
    state::{Identity, State, Status, now_unix_ms},
    stream::{Frame, Orders, Stream},
};
use beside::Beside;
use companions::Companions;
use fronts::Fronts;
use recorder::Recorder;
use relay::Relay;
use still::Still;
use streams::Streams;

const COMM: &CStr = c"conex-shim";

/// The shim's program. Standard input is the stream to the front end, standard output the container's lock.
pub fn main() -> ExitCode {
    match Shim::take() {
        Ok((shim, stdin)) => {
            shim.run(stdin);
            ExitCode::SUCCESS
        }
        // Nobody is there to be told; a free lock beside an unfinished record tells the next command.
        Err(_) => ExitCode::FAILURE,
    }
}

struct Shim {
    id: ContainerId,
    paths: Paths,
    orders: Orders,
    stream: Rc<Stream>,
    /// Held until this process ends.
    _lock: OwnedFd,
}

impl Shim {
    /// Takes what was inherited, leaves the caller's session, and hears what to do.
    fn take() -> Result<(Self, Option<OwnedFd>)> {
        let failed = |errno: rustix::io::Errno| Failure::io("take over", &errno.into());
        let stream = Stream::of(fcntl_dupfd_cloexec(stdin(), 3).map_err(failed)?);
        let lock = fcntl_dupfd_cloexec(stdout(), 3).map_err(failed)?;
        streams::silence().map_err(|error| Failure::io("take over", &error))?;
        // Modes are what this file's neighbours say, whatever the caller's umask.
        umask(Mode::empty());
        set_name(COMM).map_err(failed)?;
        setsid().map_err(failed)?;
        let received = stream.receive().map_err(|error| Failure::io("hear the orders", &error))?;
        let Some((Frame::Begin(orders), stdin)) = received else { return Err(Failure::new("no orders came")) };
        let id = ContainerId::parse(&env::args().nth(1).unwrap_or_default())?;
        let paths = Paths::choose(Some(orders.root.clone()), Some(orders.run_root.clone()));
        Ok((Self { id, paths, orders, stream: Rc::new(stream), _lock: lock }, stdin))
    }

    /// The container's whole life.
    fn run(self, stdin: Option<OwnedFd>) {
        // A floor that is still to be written panics; what it did is undone by then, and its text is all that there is.
        let lived = catch_unwind(AssertUnwindSafe(|| self.live(stdin)));
        let told = match lived.unwrap_or_else(|payload| Err(Failure::of_panic(payload.as_ref()))) {
            Ok(code) => Frame::Exited(code),
            Err(failure) => {
                let ended = State { status: Status::Created, ..State::starting() };
                let (error, exit_code) = (Some(failure.message.clone()), Some(failure.status));
                self.finish(State { error, exit_code, ..ended });
                Frame::Failed(failure)
            }
        };
        // The front end may be gone by now; the facts are on disk.
        let _ = self.stream.send(&told, None);
        if self.removes() {
            let _ = self.stream.send(&Frame::Removed, None);
        }
    }

    fn removes(&self) -> bool {
        !self.paths.container(&self.id).exists()
    }

    fn live(&self, stdin: Option<OwnedFd>) -> Result<u8> {
        let choices = Choices::read(&self.paths, &self.id)?;
        let host = self.host()?;
        let stack = Stack::new(&choices, &self.paths)?;
        let console = choices.terminal.then_some(self.orders.size);
        let plan = Plan { console, ..stack.plan(&choices, &self.paths, &host.facts)? };
        let parts: Vec<&dyn Part> = stack.parts().to_vec();
        let mut streams = Streams::open(&choices, stdin).map_err(|error| Failure::io("open pipes", &error))?;
        let waiting = spawn(&host, &self.id, &parts, plan);
        // A container that shares the host's process ids sees us; it must not look into us. Not before: an ordinary
        // user could not have written the id maps of a child that is hidden, as it would have been born.
        set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|errno| Failure::io("hide", &errno.into()))?;
        let running = waiting.and_then(|waiting| waiting.start());
        streams::silence().map_err(|error| Failure::io("close pipes", &error))?;
        let mut running = running?;
        streams.watch(running.console());
        // Before anybody can know that it runs.
        let listener = control::listen(&self.paths, &self.id).map_err(|error| Failure::io("listen", &error))?;
        let state = self.started(&running)?;
        let companions = Companions::of(&choices, running.target().pid());
        self.say_started(&running)?;
        let fronts = Fronts::new(self.stream.clone(), Some(listener));
        let recorder = Recorder::new(&choices, &self.paths, &self.id);
        let still = Still::new(self, &stack, state.clone());
        let mut relay = Relay::new(fronts, streams, recorder, Beside::new(self, &host), still);
        relay.run(running.pidfd()).map_err(|error| Failure::io("carry the container's output", &error))?;
        // What could not be taken down is tried again by whoever removes the container.
        let code = running.ended()?.status();
        let oom_killed = stack.is_out_of_memory(&self.id);
        running.wait()?;
        companions.kill();
        self.finish(State { oom_killed, ..state.ended(code) });
        relay.drain();
        relay.into_fronts().say_farewell(&Frame::Exited(code));
        Ok(code)
    }

    fn host(&self) -> Result<Host> {
        let kernel = match self.orders.explain {
            true => Kernel::observed(Rc::new(Teller(self.stream.clone()))),
            false => Kernel::quiet(),
        };
        let (root, run_root) = (self.paths.root().to_owned(), self.paths.run_root().to_owned());
        Ok(Host { root, run_root, facts: Facts::probe()?, kernel })
    }

    fn started(&self, running: &Running<'_>) -> Result<State> {
        let process = Identity::of(running.target().pid());
        let started_unix_ms = Some(now_unix_ms());
        let state = State { status: Status::Running, process, started_unix_ms, ..State::starting() };
        state.write(&self.paths, &self.id)?;
        Ok(state)
    }

    fn say_started(&self, running: &Running<'_>) -> Result<()> {
        // A front end that is gone already does not end the container.
        let _ = self.stream.send(&Frame::Started, running.console().map(AsFd::as_fd));
        Ok(())
    }

    /// Writes the last facts, or takes everything away if the user wanted that.
    fn finish(&self, state: State) {
        let choices = Choices::read(&self.paths, &self.id);
        let done = match choices {
            Ok(choices) if choices.remove => {
                let removing = State { status: Status::Removing, ..state };
                removing.write(&self.paths, &self.id).and_then(|()| remove_files(&self.paths, &self.id))
            }
            _ => state.write_ended(&self.paths, &self.id),
        };
        // A full disk, say: the record stays unfinished, and the next command finishes it.
        let _ = done;
    }
}

/// Tells the front end of every operation.
struct Teller(Rc<Stream>);

impl Observer for Teller {
    fn after(&self, record: Record) {
        let _ = self.0.send(&Frame::Told(record), None);
    }
}
