//! The spine's theorem with this floor's parts: whatever goes wrong, wherever, the host is afterwards as it was before.

#![forbid(unsafe_code)]

mod rig;
#[path = "../../01-namespaces/tests/rig/mod.rs"]
mod spine;

use std::{path::PathBuf, process::ExitCode};

use conex_kernel::{Error, Kernel, Result};
use conex_namespaces::{ContainerId, Facts, Host, Part, Running, Target, spawn};
use conex_overlay::{Keep, Overlay};
use rig::{Ids, all_ids, host, id, layer, plan};
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("nothing_is_left_after_any_operation_goes_wrong_as_root", operations),
            Case::user("nothing_is_left_after_any_operation_goes_wrong_as_a_user", operations),
            Case::root("nothing_is_left_after_another_part_fails_as_root", hooks),
            Case::user("nothing_is_left_after_another_part_fails_as_a_user", hooks),
            Case::root("cleaning_up_may_happen_at_any_time_and_any_number_of_times", cleaning),
        ],
        &[],
    )
}

fn parts(test: &TestHost) -> [Box<dyn Part>; 2] {
    let layers: [PathBuf; 2] = [test.rootfs("base"), layer(test, "top", &[("a", "a")])];
    let copy = conex_overlay::Copy { keep: Keep::Nothing, ..rig::copy(test, &layers) };
    [Box::new(rig::overlay(test, &layers)), Box::new(copy)]
}

fn live(host: &Host, parts: &[&dyn Part], ids: Ids) -> Result<()> {
    spawn(host, &id(), parts, plan(host, ids, &["true"]))?.start().and_then(Running::wait).map(drop)
}

/// Method: for each of whose ids a container may have, with a kernel of today, and told that it is an old one.
fn operations(test: &TestHost) {
    let usual = host(test, Kernel::quiet());
    let parts = parts(test);
    for kernel in [usual.facts.kernel, (6, 1)] {
        let told = |host: &Host| Host { facts: Facts { kernel, ..host.facts.clone() }, ..host.clone() };
        for ids in all_ids(&told(&usual)).iter().filter(|ids| !matches!(ids, Ids::Same)) {
            for part in &parts {
                spine::interfere_everywhere(test, |host| {
                    let host = told(host);
                    live(&host, &[part.as_ref()], *ids)
                });
            }
        }
    }
}

/// A part that fails at one hook.
struct Failing(&'static str);

impl Failing {
    fn at(&self, hook: &str) -> Result<()> {
        if self.0 == hook { Err(Error::refused("failing", hook, "told to fail")) } else { Ok(()) }
    }
}

impl Part for Failing {
    fn name(&self) -> &'static str {
        "failing"
    }
    fn prepare(&self, _: &Host, _: &ContainerId) -> Result<()> {
        self.at("prepare")
    }
    fn attach(&self, _: &Host, _: &Target) -> Result<()> {
        self.at("attach")
    }
    fn cleanup(&self, _: &Host, _: &ContainerId) -> Result<()> {
        self.at("cleanup")
    }
}

fn hooks(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    for root in parts(test) {
        for hook in ["prepare", "attach", "cleanup"] {
            let failing = Failing(hook);
            let before = test.fingerprint();
            for parts in [[root.as_ref(), &failing as &dyn Part], [&failing, root.as_ref()]] {
                let outcome = live(&host, &parts, all_ids(&host)[0]);
                assert_eq!(outcome.is_err(), hook != "cleanup", "{hook}: {outcome:?}");
                before.assert_same(&test.fingerprint(), &format!("after a failure in {hook}"));
            }
        }
    }
}

/// Method: a container's directory as a crash leaves it, at each step of making it, and with writes in it.
fn cleaning(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let [overlay, copy] = parts(test);
    let before = test.fingerprint();
    let own = rig::containers(test).join(id().as_str());
    let before_containers = test.fingerprint();
    before.assert_same(&before_containers, "the containers' directory was there");
    for made in ["", "upper", "work", "work/work", "work/incompat/volatile", "rootfs.copying/x/y", "upper/x", "rootfs"]
    {
        let passing = Overlay { keep: Keep::Nothing, ..rig::overlay(test, &[]) };
        for part in [overlay.as_ref(), copy.as_ref(), &passing as &dyn Part] {
            std::fs::create_dir_all(own.join(made)).expect("made");
            for _ in 0..2 {
                part.cleanup(&host, &id()).expect("cleaned up");
            }
            let kept = own.join(made).exists();
            assert!(!kept || ["upper/x", "rootfs"].contains(&made), "{made} is left");
            passing.cleanup(&host, &id()).expect("cleaned up");
            before.assert_same(&test.fingerprint(), &format!("after {made}"));
        }
    }
    let kept = rig::overlay(test, &[]);
    std::fs::create_dir_all(own.join("upper/x")).expect("made");
    kept.cleanup(&host, &id()).expect("cleaned up");
    assert!(own.join("upper/x").is_dir(), "what a container wrote is kept");
}
