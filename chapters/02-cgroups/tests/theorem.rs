//! The spine's theorem with cgroups: whatever goes wrong, wherever, the host is afterwards as it was before.

#![forbid(unsafe_code)]

#[path = "../../01-namespaces/tests/rig/mod.rs"]
mod rig;
mod worlds;

use std::process::ExitCode;

use conex_cgroups::{Cgroup, Limits, World};
use conex_namespaces::Plan;
use rig::{directory, host, id, interfere_everywhere, live, plan};
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("nothing_is_left_after_any_operation_goes_wrong", operations).with_cgroups(),
            Case::root("nothing_is_left_on_a_host_of_v1_alone", on_v1).with_cgroups().unless(worlds::no_v1),
            Case::root("nothing_is_left_after_an_exec_that_is_adopted", exec).with_cgroups(),
            Case::user("a_user_without_a_cgroup_of_his_own_runs_without_limits", user),
        ],
        &[],
    )
}

fn limits() -> Limits {
    Limits { memory_bytes: Some(64 << 20), cpu_quota_us: Some(50_000), pids: Some(20), ..Limits::default() }
}

fn operations(test: &TestHost) {
    in_world(test, &World::probe().expect("a world"));
}

fn on_v1(test: &TestHost) {
    in_world(test, &worlds::v1_alone());
}

fn in_world(test: &TestHost, world: &World) {
    let rootfs = test.rootfs("rootfs");
    let (cgroup, root) = (Cgroup::new(world.clone(), worlds::fitting(limits(), world)), directory(&rootfs));
    interfere_everywhere(test, |host| live(host, &[&cgroup, &root], plan(host, &["true"])).map(drop));
}

fn exec(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let quiet = host(test, conex_kernel::Kernel::quiet());
    let (id, root) = (id(), directory(&rootfs));
    let cgroup = Cgroup::new(World::probe().expect("a world"), Limits::default());
    let parts: [&dyn conex_namespaces::Part; 2] = [&cgroup, &root];
    let waiting = conex_namespaces::spawn(&quiet, &id, &parts, plan(&quiet, &["sleep", "1000"]));
    let container = waiting.expect("spawned").start().expect("started");
    interfere_everywhere(test, |host| {
        let mut plan = Plan::joining(container.target(), rig::process(&["true"]))?;
        cgroup.adopt_beside(container.target().pid(), &mut plan);
        assert!(plan.cgroup.is_some(), "the container's cgroup was found");
        live(host, &[], plan).map(drop)
    });
}

fn user(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let host = host(test, conex_kernel::Kernel::quiet());
    let world = World::probe().expect("a world");
    assert!(world.trees().is_empty(), "a test's user owns no cgroup");
    let root = directory(&rootfs);
    let free = Cgroup::new(world.clone(), Limits::default());
    let finished = live(&host, &[&free, &root], plan(&host, &["true"])).expect("it runs");
    assert_eq!(finished.exit, conex_namespaces::Exit::Code(0));
    let limited = Cgroup::new(world, limits());
    let error = live(&host, &[&limited, &root], plan(&host, &["true"])).expect_err("nobody could limit it");
    assert!(error.to_string().contains("no cgroup of this host is yours"), "{error}");
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("Delegate=yes")), "{error:?}");
}
