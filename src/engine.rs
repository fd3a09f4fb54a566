//! The engine: the one door for every front end. It has no server; every verb reads files, and whoever holds a
//! container's lock is in charge of it.

use std::{fs, io, os::fd::OwnedFd, thread};

use crate::{
    choices::Choices,
    failure::{Failure, Result},
    kernel::Kernel,
    lock::{self, Lock},
    name::{self, Name},
    namespaces::{ContainerId, Facts, Host, Part, Plan, dry_run},
    overlay::Change,
    paths::{self, Paths},
    reconcile,
    removal::remove_files,
    stack::Stack,
    state::{State, Status},
};

/// An open engine: its roots exist, are ours, and hold nothing that a crash left half-done.
pub struct Engine {
    paths: Paths,
    facts: Facts,
    unfinished: Vec<Failure>,
}

/// A container as `ps` sees it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its id.
    pub id: ContainerId,
    /// Its choices, or why they can't be read.
    pub choices: Result<Choices>,
    /// Its name; also of one whose record can't be read.
    pub name: Option<Name>,
    /// Its facts, or why they can't be read.
    pub state: Result<State>,
}

/// A container whose lock we hold, but that nobody has started. When dropped, a new one is removed, and one that was
/// there before is as it was.
#[derive(Debug)]
pub struct Created {
    pub(crate) id: ContainerId,
    pub(crate) paths: Paths,
    lock: Option<Lock>,
    is_new: bool,
}

impl Engine {
    /// Opens the engine of these roots; finishes what a crash left.
    pub fn open(paths: Paths) -> Result<Self> {
        let facts = Facts::probe()?;
        paths.make()?;
        let mut engine = Self { paths, facts, unfinished: Vec::new() };
        engine.reconcile()?;
        Ok(engine)
    }

    /// Finishes once more what a crash left.
    pub fn reconcile(&mut self) -> Result<()> {
        self.unfinished = reconcile::all(self)?;
        Ok(())
    }

    /// What a crash left and could not be finished, on a full disk, say; each harms one container alone.
    pub fn unfinished(&self) -> &[Failure] {
        &self.unfinished
    }

    /// Where its state is.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// What the host offers.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The host as parts see it.
    pub(crate) fn host(&self, kernel: Kernel) -> Host {
        let (root, run_root) = (self.paths.root().to_owned(), self.paths.run_root().to_owned());
        Host { root, run_root, facts: self.facts.clone(), kernel }
    }

    /// Makes a container of these choices, under `name` or a made-up one; its id and name are filled in.
    pub fn create(&self, choices: Choices, name: Option<&Name>) -> Result<Created> {
        let id = ContainerId::parse(&choices.id)?;
        // Everything that can be refused is refused before anything can be seen.
        let stack = Stack::new(&choices, &self.paths)?;
        stack.check(&self.host(Kernel::quiet()), &id)?;
        stack.plan(&choices, &self.paths, &self.facts)?;
        let lock = Some(Lock::create(&self.paths, &id)?);
        let created = Created { id: id.clone(), paths: self.paths.clone(), lock, is_new: true };
        let name = match name {
            Some(name) => name.claim(&self.paths, &id).map(|()| name.clone())?,
            None => Name::claim_any(&self.paths, &id)?,
        };
        paths::directory(&self.paths.container(&id))?;
        State::starting().write(&self.paths, &id)?;
        Choices { name: name.as_str().to_owned(), ..choices }.write(&self.paths, &id)?;
        Ok(created)
    }

    /// Shows what starting such a container would ask of the kernel, to the kernel's observer, and does nothing.
    pub fn dry_run(&self, choices: &Choices, kernel: Kernel, terminal: Option<Option<(u16, u16)>>) -> Result<()> {
        let stack = Stack::new(choices, &self.paths)?;
        let plan = Plan { console: terminal, ..stack.plan(choices, &self.paths, &self.facts)? };
        let parts: Vec<&dyn Part> = stack.parts().to_vec();
        Ok(dry_run(&self.host(kernel), &choices.id()?, &parts, plan)?)
    }

    /// All containers, the newest first.
    pub fn list(&self) -> Result<Vec<Entry>> {
        let directory = self.paths.containers();
        let entries = fs::read_dir(&directory).map_err(|error| Failure::io(directory.display(), &error))?;
        let ids = entries.filter_map(|entry| ContainerId::parse(entry.ok()?.file_name().to_str()?).ok());
        let mut all = self.entries(&ids.collect::<Vec<_>>());
        let created = |entry: &Entry| entry.choices.as_ref().map_or(0, |choices| choices.created_unix_ms);
        all.sort_by_key(|entry| std::cmp::Reverse(created(entry)));
        Ok(all)
    }

    /// Many are read by several threads: most of the time goes into the kernel's looking up of names.
    fn entries(&self, ids: &[ContainerId]) -> Vec<Entry> {
        let read = |ids: &[ContainerId]| ids.iter().filter_map(|id| self.entry(id.clone())).collect::<Vec<_>>();
        if ids.len() < MANY {
            return read(ids);
        }
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            let parts = ids.chunks(ids.len().div_ceil(threads)).map(|part| scope.spawn(move || read(part)));
            let parts: Vec<_> = parts.collect();
            let join = |part: thread::ScopedJoinHandle<'_, _>| {
                part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            parts.into_iter().flat_map(join).collect()
        })
    }

    /// `None` of one that is only being made, or is gone again.
    fn entry(&self, id: ContainerId) -> Option<Entry> {
        let choices = Choices::read(&self.paths, &id);
        let (record, container) = (self.paths.choices(&id), self.paths.container(&id));
        if choices.is_err() && !record.exists() && (self.paths.run(&id).exists() || !container.exists()) {
            return None;
        }
        let name = name::of(&self.paths, &id, choices.as_ref().ok().map(|choices| choices.name.as_str()));
        Some(Entry { state: State::read(&self.paths, &id), choices, name, id })
    }

    /// The container that a word means: a whole id, a name, or the beginning of one id alone.
    pub fn find(&self, word: &str) -> Result<ContainerId> {
        let mut found = self.meant(word);
        match (found.pop(), found.is_empty()) {
            (Some(id), true) => Ok(id),
            (Some(_), false) => Err(Failure::new(format!("more than one container's id begins with {word:?}"))),
            (None, _) => Err(Failure::new(format!("there is no container {word}")).with_hint("conex ps -a lists all")),
        }
    }

    /// The name of a container.
    pub fn name(&self, id: &ContainerId) -> Option<Name> {
        let recorded = Choices::read(&self.paths, id).ok().map(|choices| choices.name);
        name::of(&self.paths, id, recorded.as_deref())
    }

    /// All that it may mean.
    pub fn meant(&self, word: &str) -> Vec<ContainerId> {
        if let Ok(id) = ContainerId::parse(word)
            && self.paths.container(&id).is_dir()
        {
            return vec![id];
        }
        if let Ok(name) = Name::parse(word)
            && let Some(id) = name::holder(&self.paths, name.as_str())
        {
            return vec![id];
        }
        let entries = fs::read_dir(self.paths.containers()).into_iter().flatten().flatten();
        let ids = entries.filter_map(|entry| ContainerId::parse(entry.file_name().to_str()?).ok());
        ids.filter(|id| !word.is_empty() && id.as_str().starts_with(word)).collect()
    }

    /// What a container changed in its image, by path.
    pub fn changes(&self, id: &ContainerId) -> Result<Vec<Change>> {
        Stack::new(&Choices::read(&self.paths, id)?, &self.paths)?.changes(&self.host(Kernel::quiet()), id)
    }
}

/// From so many on a thread costs less than it saves.
const MANY: usize = 64;
impl Created {
    /// Its id.
    pub fn id(&self) -> &ContainerId {
        &self.id
    }

    /// One that was there before, and has ended.
    pub(crate) fn again(id: ContainerId, paths: Paths, lock: Lock) -> Self {
        Self { id, paths, lock: Some(lock), is_new: false }
    }

    /// The lock's descriptor, for a shim.
    pub(crate) fn lock(&self) -> io::Result<OwnedFd> {
        self.lock.as_ref().ok_or_else(|| io::Error::other("the lock was handed over before"))?.share()
    }

    /// Somebody else holds the lock by now, and is in charge of it.
    pub(crate) fn hand_over(mut self) {
        self.lock = None;
    }

    /// Leaves it as it is, to be started another time.
    pub fn leave(mut self) -> Result<()> {
        let created = State { status: Status::Created, ..State::starting() };
        created.write_ended(&self.paths, &self.id)?;
        self.lock = None;
        Ok(())
    }
}

impl Drop for Created {
    fn drop(&mut self) {
        if self.lock.is_none() {
            return;
        }
        // What can't be removed now is found and removed by the next command.
        let _ = match self.is_new {
            true => remove_files(&self.paths, &self.id),
            false => lock::remove_run(&self.paths, &self.id),
        };
    }
}
