//! One more program in a container that runs: beside its own, in all its namespaces and cgroups, with its rights. Nothing
//! in the container is opened by name. See setns(2).

use std::{os::fd::OwnedFd, path::PathBuf};

use rustix::thread::CapabilitySet;
use serde::{Deserialize, Serialize};

use crate::{
    choices::Choices,
    failure::{Failure, Result},
    namespaces::{ContainerId, Facts, Plan},
    paths::Paths,
    stack::Stack,
    state::{State, Status},
    stream::{Frame, Stream},
};

/// What shall run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Exec {
    /// The program and its arguments.
    pub arguments: Vec<String>,
    /// `KEY=value`, beyond the container's.
    pub environment: Vec<String>,
    /// Where, if not where the container's own program began.
    pub directory: Option<PathBuf>,
    /// Who, if not the container's user.
    pub user: Option<String>,
    /// Whether it has a terminal.
    pub terminal: bool,
    /// The terminal's rows and columns, if known.
    pub size: Option<(u16, u16)>,
    /// Whether no right is withheld from it.
    pub privileged: bool,
    /// Whether it lives on when whoever asked for it is gone.
    pub detached: bool,
}

impl Exec {
    /// The plan of it beside the program of a container that runs.
    pub(crate) fn plan(&self, paths: &Paths, facts: &Facts, id: &ContainerId) -> Result<Plan> {
        let choices = Choices::read(paths, id)?;
        if State::read(paths, id)?.status != Status::Running {
            let failure = Failure::new(format!("container {} is not running", id.short()));
            return Err(failure.with_hint(format!("conex start {}", id.short())));
        }
        let stack = Stack::new(&choices, paths)?;
        let mut plan = stack.beside(&beside(choices, self), paths, facts)?;
        plan.console = self.terminal.then_some(self.size);
        if self.privileged {
            plan.capabilities = CapabilitySet::all();
        }
        Ok(plan)
    }
}

/// One more program that runs, seen by whoever asked for it: it goes with this, unless it was detached.
#[derive(Debug)]
pub struct Beside {
    stream: Stream,
    /// It.
    pub process: OwnedFd,
    /// The master end of its console, if it has one.
    pub console: Option<OwnedFd>,
}

impl Beside {
    /// Takes the shim's answer.
    pub(crate) fn begun(stream: Stream, id: &ContainerId) -> Result<Self> {
        let failed = |error| Failure::io(format_args!("talk to container {}", id.short()), &error);
        let mut process = None;
        loop {
            match (stream.receive().map_err(failed)?, process.take()) {
                (Some((Frame::Process, along)), _) => process = along,
                (Some((Frame::Started, console)), Some(process)) => return Ok(Self { stream, process, console }),
                (Some((Frame::Failed(failure), _)), _) => return Err(failure),
                (Some(_), kept) => process = kept,
                (None, _) => return Err(Failure::new(format!("container {} has ended", id.short()))),
            }
        }
    }

    /// How it ended; waits for that. With its container, it was killed.
    pub fn wait(self) -> u8 {
        loop {
            match self.stream.receive() {
                Ok(Some((Frame::Exited(code), _))) => return code,
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return KILLED,
            }
        }
    }
}

/// 128 and SIGKILL's number.
const KILLED: u8 = 137;

/// The container's choices, with what is other for this program.
fn beside(choices: Choices, asked: &Exec) -> Choices {
    let mut environment = choices.environment.clone();
    let key = |entry: &str| entry.split('=').next().map(str::to_owned);
    let terminal = asked.terminal.then(|| "TERM=xterm".to_owned());
    for entry in terminal.iter().chain(&asked.environment) {
        match environment.iter_mut().find(|known| key(known) == key(entry)) {
            Some(known) => known.clone_from(entry),
            None => environment.push(entry.clone()),
        }
    }
    Choices {
        arguments: asked.arguments.clone(),
        environment,
        directory: asked.directory.clone().unwrap_or(choices.directory),
        user: asked.user.clone().unwrap_or(choices.user),
        init: false,
        ..choices
    }
}
