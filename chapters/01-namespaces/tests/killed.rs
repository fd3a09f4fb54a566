//! kill -9 of the process that makes a container, at every operation: nothing of the container survives it.

#![forbid(unsafe_code)]

mod rig;

use std::{
    cell::Cell,
    io::{self, Read, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

use conex_kernel::{
    Kernel, Side,
    operations::{ChildMain, Clone, Cloned, Kill},
};
use conex_namespaces::{Part, spawn};
use nix::{
    sys::signal::{Signal, raise},
    unistd::Pid,
};
use rig::{Interferer, Probe, directory, host, id, plan};
use std::os::fd::AsFd;
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("nothing_survives_the_maker_s_death_at_any_operation_as_root", at_every_operation),
            Case::user("nothing_survives_the_maker_s_death_at_any_operation_as_a_user", at_every_operation),
        ],
        &[],
    )
}

/// Method: a cloned maker; at operation n of its own side it kills itself, at operation n of the container's side the
/// container asks us to kill the maker and waits until that is done. What the maker held is then released by cleanup,
/// as the next command would do, and the host compared.
fn at_every_operation(test: &TestHost) {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("a reaper of orphans");
    let rootfs = test.rootfs("rootfs");
    let probe = Probe { name: "probe", wrong: None };
    let root = directory(&rootfs);
    let parts: [&dyn Part; 2] = [&probe, &root];
    let counter = Interferer::new(None, || Ok(()));
    let counted = host(test, Kernel::observed(counter.clone()));
    let id = id();
    drop(spawn(&counted, &id, &parts, plan(&counted, &["sleep", "1000"])).expect("spawned").start().expect("started"));
    // The last of the host's operations was the kill that ended this container.
    let (on_host, in_container) = (counter.host.get() - 1, counter.told.get());
    let places = (0..on_host).map(|n| (Side::Host, n)).chain((0..in_container).map(|n| (Side::Container, n)));
    for place in places.map(Some).chain([None]) {
        let before = test.fingerprint();
        die_at(test, &parts, place);
        let clean = host(test, Kernel::quiet());
        parts.iter().for_each(|part| part.cleanup(&clean, &id).expect("cleaned up"));
        let after = wait_for_orphans(test, &before);
        before.assert_same(&after, &format!("after the maker's death at {place:?}"));
    }
}

fn die_at(test: &TestHost, parts: &[&dyn Part], place: Option<(Side, usize)>) {
    let (mut asked, asks) = io::pipe().expect("a pipe");
    let (released, mut release) = io::pipe().expect("a pipe");
    let maker = move || {
        let ask = move || {
            if place.is_some_and(|(side, _)| side == Side::Host) {
                let _ = raise(Signal::SIGKILL);
            }
            (&asks).write_all(b"!")?;
            (&released).read_exact(&mut [0])
        };
        let host = host(test, Kernel::observed(Interferer::new(place, ask)));
        let id = id();
        let running = spawn(&host, &id, parts, plan(&host, &["sleep", "1000"])).and_then(|waiting| waiting.start());
        // Reached only where nobody asked: the container runs, and its maker dies now.
        assert!(place.is_none() && running.is_ok(), "{place:?}: {:?}", running.map(drop));
        let _ = raise(Signal::SIGKILL);
        1_u8
    };
    let quiet = Kernel::quiet();
    let main: ChildMain<'_> = Box::new(maker);
    let main = Cell::new(Some((main, Box::new(|_| 1_u8) as _)));
    let Cloned { pid, pidfd } =
        quiet.perform("test", Clone { flags: 0, late: 0, cgroup: None, main }).expect("a maker");
    if place.is_some_and(|(side, _)| side == Side::Container) {
        // An end without a question is a failure that the comparison of hosts would not show.
        asked.read_exact(&mut [0]).expect("the container reached its operation");
        quiet.perform("test", Kill { pidfd: pidfd.as_fd(), pid }).expect("killed");
    }
    let ended = nix::sys::wait::waitpid(Pid::from_raw(pid), None).expect("the maker ends");
    assert!(matches!(ended, nix::sys::wait::WaitStatus::Signaled(_, Signal::SIGKILL, _)), "{place:?}: {ended:?}");
    // Nobody may be left to read it.
    let _ = release.write_all(b"!");
}

/// Reaps what the maker left, and looks at the host once it is as before, or after two seconds.
fn wait_for_orphans(test: &TestHost, before: &testkit::Fingerprint) -> testkit::Fingerprint {
    let deadline = Instant::now() + Duration::from_secs(2);
    loop {
        while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
        let after = test.fingerprint();
        if after == *before || Instant::now() > deadline {
            return after;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
