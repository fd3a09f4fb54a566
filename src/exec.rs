//! One more program in a container that runs: beside its own, in all its namespaces and cgroups, with its rights. Nothing
//! in the container is opened by name. See setns(2).

use std::path::PathBuf;

use rustix::thread::CapabilitySet;
use serde::{Deserialize, Serialize};

use crate::{
    choices::Choices,
    failure::{Failure, Result},
    namespaces::{ContainerId, Facts, Plan},
    paths::Paths,
    stack::Stack,
    state::{State, Status},
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
    /// Whether it has a terminal; its rows and columns, if known.
    pub console: Option<Option<(u16, u16)>>,
    /// Whether no right is withheld from it.
    pub privileged: bool,
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
        plan.console = self.console;
        if self.privileged {
            plan.capabilities = CapabilitySet::all();
        }
        Ok(plan)
    }
}

/// The container's choices, with what is other for this program.
fn beside(choices: Choices, asked: &Exec) -> Choices {
    let mut environment = choices.environment.clone();
    let key = |entry: &str| entry.split('=').next().map(str::to_owned);
    let terminal = asked.console.map(|_| "TERM=xterm".to_owned());
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
