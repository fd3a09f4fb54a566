//! `group::enable`. Few hosts that a learner has could show it on the kernel without harm, so files stand for cgroups.

use std::{fs, path::PathBuf, rc::Rc};

use conex_cgroups::exercises::enable;
use conex_kernel::Kernel;
use testkit::{Case, TestHost, saw};

use crate::place::Asked;

pub(crate) const CASES: &[Case] = &[
    Case::exercise("cgroups.controllers: each is given on from the top down", top_down),
    Case::exercise("cgroups.controllers: what is given on already is not asked for again", again),
    Case::exercise("cgroups.controllers: a name is not taken for another", names),
];

/// Directories, one in the other, of which each gives these on; what the function then asks for.
fn asked(test: &TestHost, enabled: &[&str], controllers: &[&str]) -> Vec<String> {
    let mut path = test.directory("cgroups");
    let mut directories: Vec<PathBuf> = Vec::new();
    for (depth, enabled) in enabled.iter().enumerate() {
        path = path.join(["top", "middle", "low"][depth]);
        fs::create_dir_all(&path).expect("made");
        fs::write(path.join("cgroup.subtree_control"), format!("{enabled}\n")).expect("written");
        directories.push(path.clone());
    }
    let asked = Rc::new(Asked::default());
    enable(&Kernel::dry(asked.clone()), &directories, controllers).expect("a dry run changes nothing");
    let place = test.directory("cgroups").display().to_string();
    let asked: Vec<String> = asked.0.take().iter().map(|line| line.replace(&place, "")).collect();
    saw(&format!("asked of the kernel: {}", if asked.is_empty() { "nothing".to_owned() } else { asked.join("; ") }));
    asked
}

fn top_down(test: &TestHost) {
    let expected = [
        r#"write "+cpu +memory" to /top/cgroup.subtree_control"#,
        r#"write "+cpu +memory" to /top/middle/cgroup.subtree_control"#,
    ];
    assert_eq!(asked(test, &["", ""], &["cpu", "memory"]), expected);
}

fn again(test: &TestHost) {
    let expected = [r#"write "+pids" to /top/middle/cgroup.subtree_control"#];
    assert_eq!(asked(test, &["cpu io memory pids", "cpu memory", "pids cpu"], &["cpu", "pids"]), expected);
}

fn names(test: &TestHost) {
    let expected = [r#"write "+cpu" to /top/cgroup.subtree_control"#];
    assert_eq!(asked(test, &["cpuset"], &["cpu"]), expected);
}
