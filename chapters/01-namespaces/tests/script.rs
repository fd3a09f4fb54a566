//! `--explain=sh`: the script that is printed, run in a fresh test host, makes the container that ran.

#![forbid(unsafe_code)]

use std::{
    fs,
    path::Path,
    process::{Command, ExitCode},
};

use testkit::{Case, Output, TestHost};

fn main() -> ExitCode {
    const PROGRAMS: &[&str] = &["unshare", "mount", "pivot_root", "ip", "hostname"];
    testkit::run(
        &[
            Case::root("the_script_gives_the_same_mounts_links_and_id_maps_as_root", as_root).with(PROGRAMS),
            Case::user("the_script_gives_the_same_mounts_links_and_id_maps_as_a_user", as_user).with(PROGRAMS),
            Case::root("the_script_of_a_dry_run_is_that_of_the_run", dry),
            Case::root("what_a_user_gives_never_gets_out_of_its_line_of_the_script", breakout),
            Case::root("the_value_of_a_variable_is_never_told", secret),
        ],
        &[env!("CARGO_BIN_EXE_ch01")],
    )
}

/// What exact operations make: mounts (without the numbers that differ each time), links, maps, names, modes.
const DESCRIBE: &str = r#"
sort -k 5 /proc/self/mountinfo | while read id parent device rest; do echo "mount $rest"; done
for link in /sys/class/net/*; do echo "$link $(cat $link/flags)"; done
cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups
hostname; umask; pwd; ls -lA /dev | tr -s " " | cut -d " " -f 1,5-6,9-
"#;

/// Without an id map that shifts: showing a tree through one has no command, and then a shell could not write to it.
fn as_root(test: &TestHost) {
    same(test, &["--map", "0:0:65536", "--hostname", "box", "-w", "/tmp/made"]);
}

fn as_user(test: &TestHost) {
    same(test, &["--hostname", "box", "-w", "/tmp/made", "--read-only"]);
}

fn same(test: &TestHost, options: &[&str]) {
    let rootfs = test.rootfs("rootfs");
    let options = [&["--explain=sh"], options].concat();
    let Output { out: ran, err: script, status } = test.ch01(&options, &rootfs, DESCRIBE);
    assert_eq!(status, 0, "{script}");
    let file = test.directory("script").join("script");
    fs::write(&file, &script).expect("a file");
    let output = test.run(Command::new("sh").arg(&file));
    assert_eq!(output.status, 0, "{script}\n{}", output.err);
    assert!(ran.lines().count() > 30, "the container describes itself:\n{ran}");
    let only = |these: &str, those: &str| {
        these.lines().filter(|line| !those.lines().any(|other| other == *line)).collect::<Vec<_>>().join("\n")
    };
    let differences = (only(&ran, &output.out), only(&output.out, &ran));
    assert_eq!(differences, (String::new(), String::new()), "ran and scripted:\n{script}");
    assert_eq!(ran.lines().count(), output.out.lines().count());
    let share = script.lines().find(|line| line.ends_with("operations have an exact command.")).expect("a share");
    testkit::say(&format!("  {}", share.trim_start_matches("# ")));
}

/// The group is named: whether the files of a container that is not there would give more, a dry run can't know.
fn dry(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let with = |options: &[&str]| {
        let output =
            test.ch01(&[options, &["--hostname", "box", "--user", "0:0", "--explain=sh"]].concat(), &rootfs, "true");
        assert_eq!(output.status, 0, "{}", output.err);
        output.err
    };
    let before = test.fingerprint();
    let dry = with(&["--dry-run"]);
    before.assert_same(&test.fingerprint(), "after a dry run");
    assert_eq!(dry, with(&[]));
}

/// Method: an argument that ends the here-document, and a path with a line of its own; the script must run neither.
fn breakout(test: &TestHost) {
    let rootfs = test.rootfs("root\ntouch /mnt/work/broken #");
    let argument = "echo in\nCONTAINER\ntouch /mnt/work/broken\n: CONTAINER_";
    let options = ["--map", "0:0:65536", "--explain=sh"];
    let script = test.ch01(&options, &rootfs, argument).err;
    let file = test.directory("script").join("script");
    fs::write(&file, &script).expect("a file");
    let output = test.run(Command::new("sh").arg(&file));
    assert!(!Path::new("/mnt/work/broken").exists(), "{script}");
    assert_eq!(output.out, "in\n", "{script}\n{}", output.err);
}

fn secret(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    for format in ["text", "json", "sh"] {
        for dry in [&[][..], &["--dry-run"]] {
            let explain = format!("--explain={format}");
            let options = [&["-e", "KEY=tell-nobody", &explain], dry].concat();
            let output = test.ch01(&options, &rootfs, "[ $KEY = tell-nobody ]");
            assert_eq!(output.status, 0, "{}", output.err);
            assert!(output.err.contains("exec sh"), "{}", output.err);
            assert!(!output.err.replace("[ $KEY = tell-nobody ]", "").contains("tell-nobody"), "{}", output.err);
        }
    }
}
