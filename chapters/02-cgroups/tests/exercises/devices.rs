//! `program::compile`.

use conex_cgroups::{DeviceRule, exercises::compile};
use conex_kernel::{Kernel, operations::AttachDeviceProgram};
use testkit::{Case, TestHost, saw};

use crate::place;

pub(crate) const CASES: &[Case] = &[
    Case::exercise_as_root("cgroups.devices: what a rule allows opens, and nothing else does", numbers),
    Case::exercise_as_root("cgroups.devices: all that is wanted must be allowed", access),
    Case::exercise_as_root("cgroups.devices: a rule without numbers is for all of its kind", kinds),
    Case::exercise_as_root("cgroups.devices: one rule after the other is tried", several),
];

/// What a process in a cgroup with these rules can open: `r` for reading, `w` for writing, each with a device.
fn opens(rules: &[&str], tries: &[(&str, &str)]) -> Vec<bool> {
    let place = place::unified();
    let rules: Vec<DeviceRule> = rules.iter().map(|rule| DeviceRule::parse(rule).expect("a rule")).collect();
    let program = compile(&rules);
    let attach = AttachDeviceProgram { directory: &place.directory, program: &program };
    let attached = Kernel::quiet().perform("test", attach);
    if let Err(error) = &attached {
        saw(&format!("the kernel's verifier refuses your program of {} instructions: {error}", program.len()));
    }
    attached.expect("the kernel takes the program");
    let open = |(access, device): &(&str, &str)| {
        let redirection = if *access == "r" { "<" } else { ">" };
        let opened = place.start(&format!(": {redirection} {device}")).wait().success();
        let words = if opened { "opens" } else { "is refused" };
        saw(&format!("{device} for {access} {words}"));
        opened
    };
    tries.iter().map(open).collect()
}

fn numbers(_test: &TestHost) {
    let tries = [("r", "/dev/zero"), ("r", "/dev/null"), ("r", "/dev/urandom"), ("w", "/dev/zero")];
    assert_eq!(opens(&["c 1:5 rw"], &tries), [true, false, false, true]);
}

fn access(_test: &TestHost) {
    assert_eq!(opens(&["c 1:5 r"], &[("r", "/dev/zero"), ("w", "/dev/zero")]), [true, false]);
    assert_eq!(opens(&["c 1:5 w"], &[("r", "/dev/zero"), ("w", "/dev/zero")]), [false, true]);
    assert_eq!(opens(&["c 1:5 m"], &[("r", "/dev/zero"), ("w", "/dev/zero")]), [false, false]);
}

fn kinds(_test: &TestHost) {
    let tries = [("r", "/dev/zero"), ("r", "/dev/urandom")];
    assert_eq!(opens(&["c 1:* r"], &tries), [true, true]);
    assert_eq!(opens(&["c *:* r"], &tries), [true, true]);
    assert_eq!(opens(&["a *:* r"], &tries), [true, true]);
    assert_eq!(opens(&["b *:* r"], &tries), [false, false]);
}

fn several(_test: &TestHost) {
    let tries = [("r", "/dev/zero"), ("r", "/dev/urandom"), ("r", "/dev/null")];
    assert_eq!(opens(&["b 1:3 rwm", "c 1:5 r", "c 1:9 r"], &tries), [true, true, false]);
    assert_eq!(opens(&[], &tries), [false, false, false]);
}
