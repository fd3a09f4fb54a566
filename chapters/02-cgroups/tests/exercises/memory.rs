//! `memory::settings`.

use conex_cgroups::{Limits, Swap, Version, exercises::memory};
use testkit::{Case, TestHost, saw};

use crate::place;

pub(crate) const CASES: &[Case] = &[
    Case::exercise_as_root("cgroups.memory: a hog is killed at the limit", hog),
    Case::exercise_as_root("cgroups.memory: swap counts with memory on v1, and by itself on v2", swap),
    Case::exercise_as_root("cgroups.memory: without a limit nothing is written", nothing),
];

fn limits(memory: u64, swap: Option<Swap>) -> Limits {
    Limits { memory_bytes: Some(memory), memory_swap: swap, ..Limits::default() }
}

fn told(lines: &[(String, String)]) -> String {
    let lines: Vec<String> = lines.iter().map(|(file, value)| format!("{value} > {file}")).collect();
    if lines.is_empty() { "nothing".to_owned() } else { lines.join("; ") }
}

fn hog(_test: &TestHost) {
    let place = place::with("memory");
    let lines = memory(&limits(32 << 20, None), place.version);
    saw(&format!("your lines: {}", told(&lines)));
    place.set(&lines);
    let limit = if place.version == Version::V1 { "memory.limit_in_bytes" } else { "memory.max" };
    saw(&format!("the kernel's {limit}: {}", place.read(limit).trim()));
    assert_eq!(place.read(limit).trim(), (32 << 20).to_string());
    let status = place.start("exec busybox dd if=/dev/zero of=/dev/null bs=100M count=1").wait();
    saw(&format!("a process that takes 100 MB: {status}"));
    assert!(!status.success(), "it went on with 100 MB");
}

fn swap(_test: &TestHost) {
    const M: u64 = 1 << 20;
    let table = [
        (None, "128", "64"),
        (Some(Swap::Bytes(64 * M)), "64", "0"),
        (Some(Swap::Bytes(100 * M)), "100", "36"),
        (Some(Swap::Unlimited), "-1", "max"),
    ];
    for (swap, v1, v2) in table {
        for (version, file, value) in
            [(Version::V1, "memory.memsw.limit_in_bytes", v1), (Version::V2, "memory.swap.max", v2)]
        {
            let lines = memory(&limits(64 * M, swap), version);
            let value = value.parse::<u64>().map_or(value.to_owned(), |megabytes| (megabytes * M).to_string());
            saw(&format!("64 MB and {swap:?} on {version:?}: {}", told(&lines)));
            let own = lines.iter().position(|(name, _)| {
                name.contains(".max") && !name.contains("swap") || name == "memory.limit_in_bytes"
            });
            let its = lines.iter().position(|(name, _)| name == file);
            assert!(own.is_some() && own < its, "memory first: the kernel refuses less for both than for memory");
            assert_eq!(lines[its.expect("a line")].1, value, "{file} for 64 MB of memory and {swap:?}");
        }
    }
}

fn nothing(_test: &TestHost) {
    for version in [Version::V1, Version::V2] {
        let lines = memory(&Limits { pids: Some(5), ..Limits::default() }, version);
        saw(&format!("without a limit on memory, on {version:?}: {}", told(&lines)));
        assert_eq!(lines, []);
    }
}
