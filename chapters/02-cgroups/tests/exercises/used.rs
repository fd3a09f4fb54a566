//! `usage::used`.

use conex_cgroups::{Version, exercises::used};
use testkit::{Case, TestHost, saw};

pub(crate) const CASES: &[Case] = &[
    Case::exercise("cgroups.used: what the kernel can drop does not count", droppable),
    Case::exercise("cgroups.used: on v1 the cgroups below count, too", with_descendants),
    Case::exercise("cgroups.used: no figures are no reason to fail", strange),
];

fn told(current: u64, stat: &str, version: Version) -> u64 {
    let used = used(current, stat, version);
    saw(&format!("of {current} bytes on {version:?}, {used} count"));
    used
}

fn droppable(_test: &TestHost) {
    let stat = "anon 1000\nfile 5000\nactive_file 2000\ninactive_file 3000\nslab 7\n";
    assert_eq!(told(10_000, stat, Version::V2), 7_000);
}

fn with_descendants(_test: &TestHost) {
    let stat = "cache 5\ninactive_file 1000\ntotal_cache 9\ntotal_inactive_file 4000\ntotal_active_file 1\n";
    assert_eq!(told(10_000, stat, Version::V1), 6_000);
}

fn strange(_test: &TestHost) {
    assert_eq!(told(10_000, "", Version::V2), 10_000, "without figures all counts");
    assert_eq!(told(10_000, "inactive_file 20000\n", Version::V2), 0, "never less than nothing");
    assert_eq!(told(10_000, "inactive_files 20000\nother_inactive_file 5\n", Version::V2), 10_000, "other names");
}
