//! What the tests of the library share: a host, a plan, parts that leave traces, and observers that interfere.

#![allow(dead_code, reason = "each target uses what it needs")]

use std::{
    cell::Cell,
    ffi::CString,
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    rc::Rc,
};

use conex_kernel::{Error, Kernel, Observer, Result, Side, Step};
use conex_namespaces::{
    ContainerId, Directory, Facts, Finished, Host, IdMaps, Part, Plan, Process, Running, Target, spawn,
};
use testkit::TestHost;

pub(crate) fn host(test: &TestHost, kernel: Kernel) -> Host {
    Host { root: test.root.clone(), run_root: test.run_root.clone(), facts: Facts::probe().expect("facts"), kernel }
}

pub(crate) fn id() -> ContainerId {
    ContainerId::parse(&"c0".repeat(32)).expect("an id")
}

pub(crate) fn process(words: &[&str]) -> Process {
    Process {
        arguments: words.iter().map(|word| CString::new(*word).expect("no NUL")).collect(),
        environment: vec![c"PATH=/bin".to_owned()],
        directory: "/".into(),
        umask: 0o022,
        no_new_privileges: false,
        init: false,
        dies_with_parent: true,
    }
}

/// An isolated container; with id ranges where we may, since that is the longest way.
pub(crate) fn plan(host: &Host, words: &[&str]) -> Plan {
    Plan::isolated(&host.facts, &id(), process(words))
}

/// The same with the host's ids inside, for roots that can't be seen through an id map.
pub(crate) fn identity_plan(host: &Host, words: &[&str]) -> Plan {
    let mut plan = plan(host, words);
    let range = conex_namespaces::IdRange { inside: 0, outside: 0, count: u32::MAX };
    if host.facts.may_map(range) {
        plan.map_ids(IdMaps::ranges(vec![range]));
    }
    plan
}

pub(crate) fn directory(path: &Path) -> Directory {
    Directory { path: path.to_owned(), read_only: false }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hook {
    Plan,
    Prepare,
    Attach,
    Cleanup,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Fail,
    Panic,
    /// Without a word, as when memory runs out.
    Die,
}

/// A part that leaves a file at each hook, removes both when it cleans up, and goes wrong where it is told to.
pub(crate) struct Probe {
    pub name: &'static str,
    pub wrong: Option<(Hook, How)>,
}

impl Probe {
    fn file(&self, host: &Host, id: &ContainerId, hook: &str) -> PathBuf {
        host.run_root.join(format!("{id}.{}.{hook}", self.name))
    }

    fn go_wrong(&self, hook: Hook) -> Result<()> {
        match self.wrong {
            Some((wrong, How::Fail)) if wrong == hook => {
                Err(Error::refused(self.name, format!("{hook:?}"), "told to fail"))
            }
            Some((wrong, How::Panic)) if wrong == hook => panic!("told to panic"),
            _ => Ok(()),
        }
    }
}

impl Part for Probe {
    fn name(&self) -> &'static str {
        self.name
    }

    fn plan(&self, _facts: &Facts, _id: &ContainerId, _plan: &mut Plan) {
        self.go_wrong(Hook::Plan).expect("a plan can only panic");
    }

    fn prepare(&self, host: &Host, id: &ContainerId) -> Result<()> {
        fs::write(self.file(host, id, "prepared"), "").expect("the run root is writable");
        self.go_wrong(Hook::Prepare)
    }

    fn attach(&self, host: &Host, target: &Target) -> Result<()> {
        assert!(target.pid() > 0, "attached to a process");
        fs::write(self.file(host, &id(), "attached"), "").expect("the run root is writable");
        self.go_wrong(Hook::Attach)
    }

    fn cleanup(&self, host: &Host, id: &ContainerId) -> Result<()> {
        for hook in ["prepared", "attached"] {
            // It may never have been made, or be gone since the last time.
            let _ = fs::remove_file(self.file(host, id, hook));
        }
        self.go_wrong(Hook::Cleanup)
    }
}

/// Counts the operations of each side, and interferes with one of them.
pub(crate) struct Interferer<F: Fn() -> io::Result<()>> {
    pub at: Option<(Side, usize)>,
    pub deed: F,
    /// Operations that began on the host's side, and (seen from here, by their records) in the container.
    pub host: Cell<usize>,
    pub container: Cell<usize>,
    pub told: Cell<usize>,
}

impl<F: Fn() -> io::Result<()>> Interferer<F> {
    pub(crate) fn new(at: Option<(Side, usize)>, deed: F) -> Rc<Self> {
        Rc::new(Self { at, deed, host: Cell::new(0), container: Cell::new(0), told: Cell::new(0) })
    }
}

impl<F: Fn() -> io::Result<()>> Observer for Interferer<F> {
    fn before(&self, step: &Step<'_>) -> io::Result<()> {
        // What undoes a birth is not interfered with: without it nothing can be undone.
        let operation = step.operation.to_string();
        let undoes = operation.starts_with("kill") || operation.starts_with("remove cgroup");
        if undoes || ["/cgroup.kill", "/freezer.state"].iter().any(|file| operation.ends_with(file)) {
            return Ok(());
        }
        let count = match step.side {
            Side::Host => &self.host,
            Side::Container => &self.container,
        };
        let number = count.replace(count.get() + 1);
        if self.at == Some((step.side, number)) { (self.deed)() } else { Ok(()) }
    }

    fn after(&self, record: conex_kernel::Record) {
        if record.side == Side::Container {
            self.told.set(self.told.get() + 1);
        }
    }
}

/// Births a container of these parts, waits for its end.
pub(crate) fn live(host: &Host, parts: &[&dyn Part], plan: Plan) -> Result<Finished> {
    spawn(host, &id(), parts, plan)?.start().and_then(Running::wait)
}

/// Runs once without interference to count each side's operations, then once for every operation and way to go wrong.
pub(crate) fn interfere_everywhere(test: &TestHost, life: impl Fn(&Host) -> Result<()>) {
    hush();
    // Once before: what the first container makes for all that follow stays, and is not made again.
    life(&host(test, Kernel::quiet())).expect("it works");
    let counter = Interferer::new(None, || Ok(()));
    life(&host(test, Kernel::observed(counter.clone()))).expect("it works without interference");
    let (on_host, in_container) = (counter.host.get(), counter.told.get());
    assert!(on_host >= 1 && in_container > 10, "{on_host} and {in_container} operations are too few to be true");
    let places = (0..on_host).map(|n| (Side::Host, n)).chain((0..in_container).map(|n| (Side::Container, n)));
    for place in places {
        for how in [How::Fail, How::Panic, How::Die] {
            if (place.0, how) == (Side::Host, How::Die) {
                // That is what `killed` is about.
                continue;
            }
            let deed = move || match how {
                How::Fail => Err(io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error())),
                How::Panic => panic!("told to panic"),
                How::Die => std::process::exit(137),
            };
            let host = host(test, Kernel::observed(Interferer::new(Some(place), deed)));
            let before = test.fingerprint();
            let outcome = catch_unwind(AssertUnwindSafe(|| life(&host)));
            before.assert_same(&test.fingerprint(), &format!("after {how:?} at {place:?}"));
            match (place.0, how, outcome) {
                (_, How::Fail, Ok(Err(error))) => assert!(error.to_string().contains("EIO"), "{place:?}: {error}"),
                (Side::Container, How::Panic, Ok(Err(error))) => {
                    assert!(error.to_string().contains("told to panic"), "{place:?}: {error}")
                }
                (Side::Container, How::Die, Ok(Err(error))) => {
                    let said = error.to_string();
                    assert!(said.contains("ended before it ran") || said.contains("was killed"), "{place:?}: {said}");
                }
                // The last operation is exec, and the last word was said before it.
                (Side::Container, How::Die, Ok(Ok(()))) if place.1 + 1 == in_container => {}
                (Side::Host, How::Panic, Err(_)) => {}
                (_, _, outcome) => panic!("{how:?} at {place:?}: {outcome:?}"),
            }
        }
    }
}

/// Panics that a test provokes are not printed.
pub(crate) fn hush() {
    std::panic::set_hook(Box::new(|info| {
        let text = info.payload().downcast_ref::<&str>().copied().map(str::to_owned);
        let text = text.or_else(|| info.payload().downcast_ref::<String>().cloned()).unwrap_or_default();
        if !text.starts_with("told to") {
            // A real failure: print it as the default hook would.
            use std::io::Write;
            let _ = writeln!(io::stderr(), "{info}");
        }
    }));
}
