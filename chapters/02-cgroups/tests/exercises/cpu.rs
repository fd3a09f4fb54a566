//! `cpu::settings`.

use conex_cgroups::{Limits, Version, exercises::cpu};
use testkit::{Case, TestHost, saw};

use crate::place;

pub(crate) const CASES: &[Case] = &[
    Case::exercise_as_root("cgroups.cpu: a spinner is throttled", spinner),
    Case::exercise_as_root("cgroups.cpu: a quota goes with its period", quota),
    Case::exercise_as_root("cgroups.cpu: shares become a weight on v2", shares),
];

fn told(lines: &[(String, String)]) -> Vec<String> {
    lines.iter().map(|(file, value)| format!("{value} > {file}")).collect()
}

fn spinner(_test: &TestHost) {
    let place = place::with("cpu");
    let lines = cpu(&Limits { cpu_quota_us: Some(10_000), ..Limits::default() }, place.version);
    saw(&format!("your lines: {}", told(&lines).join("; ")));
    place.set(&lines);
    let _spinner = place.start("while :; do :; done");
    let throttled = || {
        place
            .read("cpu.stat")
            .lines()
            .any(|line| line.strip_prefix("nr_throttled ").is_some_and(|number| number != "0"))
    };
    let started = std::time::Instant::now();
    while !throttled() && started.elapsed().as_secs() < 2 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    saw(&format!("the kernel's cpu.stat: {}", place.read("cpu.stat").split_whitespace().collect::<Vec<_>>().join(" ")));
    assert!(throttled(), "a loop ran for two seconds with a tenth of a processor, and was never stopped");
}

fn quota(_test: &TestHost) {
    let lines = |quota, period, version| {
        let lines = cpu(&Limits { cpu_quota_us: quota, cpu_period_us: period, ..Limits::default() }, version);
        saw(&format!("quota {quota:?}, period {period:?} on {version:?}: {}", told(&lines).join("; ")));
        told(&lines)
    };
    assert_eq!(lines(Some(50_000), None, Version::V2), ["50000 100000 > cpu.max"]);
    assert_eq!(lines(Some(5_000), Some(20_000), Version::V2), ["5000 20000 > cpu.max"]);
    assert_eq!(lines(None, Some(20_000), Version::V2), ["max 20000 > cpu.max"]);
    assert_eq!(lines(Some(50_000), None, Version::V1), ["50000 > cpu.cfs_quota_us"]);
    let both = ["20000 > cpu.cfs_period_us", "5000 > cpu.cfs_quota_us"];
    assert_eq!(lines(Some(5_000), Some(20_000), Version::V1), both, "the period first");
    assert_eq!(lines(None, None, Version::V2), [""; 0]);
}

fn shares(_test: &TestHost) {
    let lines = |shares, version| {
        let lines = told(&cpu(&Limits { cpu_shares: Some(shares), ..Limits::default() }, version));
        saw(&format!("{shares} shares on {version:?}: {}", lines.join("; ")));
        lines
    };
    assert_eq!(lines(1024, Version::V1), ["1024 > cpu.shares"]);
    assert_eq!(lines(1024, Version::V2), ["100 > cpu.weight"]);
    assert_eq!(lines(2, Version::V2), ["1 > cpu.weight"]);
    assert_eq!(lines(262_144, Version::V2), ["10000 > cpu.weight"]);
}
