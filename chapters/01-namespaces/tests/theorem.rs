//! The spine's theorem: whatever goes wrong, wherever, failing or panicking, the host is afterwards as it was before.

#![forbid(unsafe_code)]

mod rig;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

use conex_kernel::Kernel;
use conex_namespaces::{Exit, Part, Plan, spawn};
use rig::{Hook, How, Probe, directory, host, hush, id, live, plan};
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("nothing_is_left_after_any_hook_goes_wrong_as_root", hooks),
            Case::user("nothing_is_left_after_any_hook_goes_wrong_as_a_user", hooks),
            Case::root("nothing_is_left_after_any_operation_goes_wrong_as_root", operations),
            Case::user("nothing_is_left_after_any_operation_goes_wrong_as_a_user", operations),
            Case::root("nothing_is_left_after_any_operation_of_an_exec_goes_wrong_as_root", exec),
            Case::user("nothing_is_left_after_any_operation_of_an_exec_goes_wrong_as_a_user", exec),
            Case::root("what_could_not_be_undone_is_reported_after_the_cause", leftovers),
            Case::root("two_parts_of_one_name_are_refused", twins),
        ],
        &[],
    )
}

fn hooks(test: &TestHost) {
    hush();
    let rootfs = test.rootfs("rootfs");
    for hook in [Hook::Plan, Hook::Prepare, Hook::Attach, Hook::Cleanup] {
        for (position, how) in
            [(0, How::Fail), (1, How::Fail), (2, How::Fail), (0, How::Panic), (1, How::Panic), (2, How::Panic)]
        {
            if (hook, how) == (Hook::Plan, How::Fail) {
                // A plan is pure and can't fail.
                continue;
            }
            let wrong = |n| (n == position).then_some((hook, how));
            let probes = [0, 1, 2].map(|n| Probe { name: ["one", "two", "three"][n], wrong: wrong(n) });
            let root = directory(&rootfs);
            let parts: [&dyn Part; 4] = [&probes[0], &root, &probes[1], &probes[2]];
            let host = host(test, Kernel::quiet());
            let before = test.fingerprint();
            let outcome = catch_unwind(AssertUnwindSafe(|| live(&host, &parts, plan(&host, &["true"]))));
            let what = format!("after {how:?} in {hook:?} of part {position}");
            before.assert_same(&test.fingerprint(), &what);
            match (hook, how, outcome) {
                (Hook::Cleanup, _, Ok(Ok(finished))) => {
                    assert_eq!(finished.exit, Exit::Code(0));
                    assert_eq!(finished.leftovers.len(), 1, "{what}: reported");
                }
                (_, How::Fail, Ok(Err(error))) => {
                    assert!(error.to_string().ends_with(&format!("{hook:?}: told to fail")), "{what}: {error}");
                }
                (_, How::Panic, Err(_)) => {}
                (_, _, outcome) => panic!("{what}: {outcome:?}"),
            }
        }
    }
}

fn operations(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let probe = Probe { name: "probe", wrong: None };
    rig::interfere_everywhere(test, |host| {
        let root = directory(&rootfs);
        let mut plan = plan(host, &["true"]);
        plan.console = Some(None);
        live(host, &[&probe, &root], plan).map(drop)
    });
}

fn exec(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let quiet = host(test, Kernel::quiet());
    let (id, root) = (id(), directory(&rootfs));
    let parts: [&dyn Part; 1] = [&root];
    let container =
        spawn(&quiet, &id, &parts, plan(&quiet, &["sleep", "1000"])).expect("spawned").start().expect("started");
    rig::interfere_everywhere(test, |host| {
        let plan = Plan::joining(container.target(), rig::process(&["true"]))?;
        live(host, &[], plan).map(drop)
    });
}

fn leftovers(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let one = Probe { name: "one", wrong: Some((Hook::Cleanup, How::Fail)) };
    let two = Probe { name: "two", wrong: Some((Hook::Attach, How::Fail)) };
    let root = directory(&rootfs);
    let host = host(test, Kernel::quiet());
    let error = live(&host, &[&one, &root, &two], plan(&host, &["true"])).expect_err("two fails");
    assert_eq!(error.to_string(), "two: Attach: told to fail; left behind: one: Cleanup: told to fail");
}

fn twins(test: &TestHost) {
    let (one, two) = (Probe { name: "twin", wrong: None }, Probe { name: "twin", wrong: None });
    let host = host(test, Kernel::quiet());
    let error = live(&host, &[&one, &two], plan(&host, &["true"])).expect_err("twins");
    assert_eq!(error.to_string(), "twin: join the stack: there is a part of this name already");
}
