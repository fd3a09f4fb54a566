//! What a container's process sees and may, as root and as an ordinary user; and how its end is told.

#![forbid(unsafe_code)]

mod rig;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, ExitCode},
};

use conex_kernel::Kernel;
use conex_namespaces::{Part, spawn};
use rig::{directory, host, id, plan};
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("the_process_is_pid_1_in_eight_new_namespaces_as_root", isolated),
            Case::user("the_process_is_pid_1_in_eight_new_namespaces_as_a_user", isolated),
            Case::root("the_id_maps_are_a_range_for_root", range),
            Case::user("the_id_maps_are_one_id_and_setgroups_is_denied_for_a_user", single),
            Case::root("proc_dev_and_sys_are_the_container_s_own_as_root", kernel_files),
            Case::user("proc_dev_and_sys_are_the_container_s_own_as_a_user", kernel_files),
            Case::root("the_environment_is_built_from_scratch", environment),
            Case::root("the_user_and_the_groups_come_from_the_container_s_files", users),
            Case::root("the_working_directory_is_made_where_it_is_missing", working_directory),
            Case::root("umask_and_no_new_privileges_are_as_planned", small_things),
            Case::root("a_read_only_root_takes_no_file_as_root", read_only),
            Case::user("a_read_only_root_takes_no_file_as_a_user", read_only),
            Case::root("the_exit_status_is_the_process_s_or_tells_why_there_was_none", statuses),
            Case::root("exec_joins_every_namespace_and_drops_the_same_rights_as_root", exec),
            Case::user("exec_joins_every_namespace_and_drops_the_same_rights_as_a_user", exec),
        ],
        &[env!("CARGO_BIN_EXE_ch01")],
    )
}

const NAMESPACES: [&str; 8] = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];

fn isolated(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let script = "echo $$; for kind in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$kind; done
        set -- /proc/[0-9]*; echo $#; hostname; wc -l < /proc/net/route; grep -c : /proc/net/dev; cat /sys/class/net/lo/flags";
    let out = test.ch01(&["--hostname", "box"], &rootfs, script).success();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "1");
    for (kind, inside) in NAMESPACES.iter().zip(&lines[1..9]) {
        let outside = fs::read_link(format!("/proc/self/ns/{kind}")).expect("our own namespace");
        assert_ne!(Path::new(inside), outside, "the container shares our {kind} namespace");
    }
    // One process, the shell; the host name; no route; one link, which is up (IFF_UP is 1, IFF_LOOPBACK 8).
    assert_eq!(lines[9..], ["1", "box", "1", "1", "0x9"]);
}

fn id_maps(test: &TestHost) -> Vec<String> {
    let rootfs = test.rootfs("rootfs");
    let script = "cd /proc/self; echo $(cat uid_map), $(cat gid_map), $(cat setgroups)";
    let words = test.ch01(&[], &rootfs, script).success();
    words.split(',').map(|word| word.trim().to_owned()).collect()
}

fn range(test: &TestHost) {
    assert_eq!(id_maps(test), ["0 100000 65536", "0 100000 65536", "allow"]);
}

fn single(test: &TestHost) {
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    assert_eq!(id_maps(test), [format!("0 {uid} 1"), format!("0 {gid} 1"), "deny".into()]);
}

/// Method: a line for each claim, printed by the container; what must fail prints the shell's complaint on stderr.
fn kernel_files(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let script = "
        ls -A /dev | sort | tr '\n' ' '; echo
        for node in null zero full random urandom tty; do stat -c '%n %t:%T %a' /dev/$node; done
        for link in fd stdin stdout stderr ptmx; do readlink /dev/$link; done
        head -c 3 /dev/zero | wc -c; echo gone > /dev/null && echo written
        (echo x > /dev/full) 2> /dev/null || echo full
        (echo 1 > /proc/sys/kernel/shmmni) 2> /dev/null || echo sealed
        (: > /sys/conex) 2> /dev/null || echo sealed
        (mkdir /sys/fs/cgroup/conex) 2> /dev/null || echo sealed
        cat /proc/keys /proc/timer_list /proc/kcore | wc -c; ls -A /sys/firmware | wc -l
        grep -c ' /proc/[^ ]* ' /proc/self/mountinfo; stat -c %a /dev/shm";
    let out = test.ch01(&[], &rootfs, script).success();
    let nodes = ["null 1:3", "zero 1:5", "full 1:7", "random 1:8", "urandom 1:9", "tty 5:0"];
    let nodes = nodes.map(|node| format!("/dev/{node} 666\n")).concat();
    let links = "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n";
    let head = "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero \n";
    let (before, after) = out.split_at(out.rfind("\n0\n0\n").expect("masked files are empty"));
    assert_eq!(before, format!("{head}{nodes}{links}3\nwritten\nfull\nsealed\nsealed\nsealed"));
    let sealed: u32 = after.trim().lines().nth(2).expect("a count").parse().expect("a number");
    assert!(sealed >= 5, "at least the five read-only paths are mounts of their own, not {sealed}");
    assert!(after.ends_with("\n1777\n"), "{after}");
}

fn environment(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let mut command = Command::new(test.program("ch01"));
    command.args(["run", "-e", "A=1", "-e", "TAKEN", "-e", "ABSENT"]).arg(&rootfs).arg("env");
    let out = test.run(command.env("HOST_SECRET", "1").env("TAKEN", "here").env_remove("ABSENT")).success();
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(out, format!("{path}\nA=1\nTAKEN=here\nHOME=/root\n"));
    let mut command = Command::new(test.program("ch01"));
    command.args(["run", "-e", "PATH=/bin:/x", "-e", "PATH=/bin:/y"]).arg(&rootfs).arg("env");
    assert_eq!(test.run(&mut command).success(), "PATH=/bin:/y\nHOME=/root\n");
    let out = test.ch01(&["-e", "HOME=/x", "-u", "web"], &rootfs, "echo $HOME").success();
    assert_eq!(out, "/x\n");
}

fn users(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let script = "grep -E '^(Uid|Gid|Groups)' /proc/self/status | tr -s '\t ' ' '; echo $HOME";
    let of = |user: &str| test.ch01(&["-u", user], &rootfs, script).success();
    let told = |uid: u32, gid: u32, groups: &str, home: &str| {
        let four = |id: u32| format!("{id} {id} {id} {id}");
        format!("Uid: {}\nGid: {}\nGroups: {groups}\n{home}\n", four(uid), four(gid))
    };
    assert_eq!(of("0"), told(0, 0, "0 4 ", "/root"));
    assert_eq!(of("web"), told(33, 33, "4 9 33 ", "/srv"));
    assert_eq!(of("web:logs"), told(33, 4, "4 ", "/srv"));
    assert_eq!(of("1234"), told(1234, 0, "0 ", "/"));
    assert_eq!(of("1234:5"), told(1234, 5, "5 ", "/"));
    let output = test.ch01(&["-u", "70000"], &rootfs, "true");
    assert_eq!(output.status, 125);
    assert!(output.err.contains("the container's id map does not have them"), "{}", output.err);
}

fn working_directory(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    std::os::unix::fs::symlink("/tmp", rootfs.join("link")).expect("a link");
    let at = |path: &str| test.ch01(&["-u", "web", "-w", path], &rootfs, "pwd; stat -c '%a %u:%g' .").success();
    assert_eq!(at("/link/made/../here"), "/tmp/here\n755 0:0\n");
    assert_eq!(at("/../../etc"), "/etc\n755 0:0\n");
    let output = test.ch01(&["-w", "relative"], &rootfs, "pwd");
    let expected = "error: namespaces: use relative as the working directory: it does not begin with /\n";
    assert_eq!((output.status, output.err.as_str()), (125, expected));
}

fn small_things(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let script = "umask; grep NoNewPrivs /proc/self/status";
    assert_eq!(test.ch01(&[], &rootfs, script).success(), "0022\nNoNewPrivs:\t0\n");
    let script = r#"trap "" INT USR1; exec "$0" run "$1" grep SigIgn /proc/self/status"#;
    let ignoring = test.run(Command::new("sh").args(["-c", script]).arg(test.program("ch01")).arg(&rootfs));
    assert_eq!(ignoring.success(), "SigIgn:\t0000000000000000\n", "what the caller ignores is not ignored inside");
    let script = "umask; grep NoNewPrivs /proc/self/status";
    assert_eq!(test.ch01(&["--no-new-privileges"], &rootfs, script).success(), "0022\nNoNewPrivs:\t1\n");
}

/// The directory is empty but for the programs: what the container needs is made before the root becomes read-only.
fn read_only(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    for directory in ["dev/pts", "dev", "proc", "sys"] {
        fs::remove_dir(rootfs.join(directory)).expect("it is empty");
    }
    let script = "touch /file || mkdir /directory || echo sealed; touch /dev/shm/file && echo open";
    let output = test.ch01(&["--read-only"], &rootfs, script);
    assert_eq!(output.out, "sealed\nopen\n", "{}", output.err);
    assert!(!rootfs.join("file").exists());
}

fn statuses(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    fs::write(rootfs.join("bin/plain"), "text").expect("a file");
    let status = |words: &[&str]| {
        let mut command = Command::new(test.program("ch01"));
        let output = test.run(command.arg("run").arg(&rootfs).args(words));
        (output.status, output.err.lines().next().unwrap_or_default().to_owned())
    };
    assert_eq!(status(&["sh", "-c", "exit 7"]).0, 7);
    // Pid 1 ignores signals without a handler, even its own.
    assert_eq!(status(&["sh", "-c", "kill -9 $$; exit 3"]).0, 3);
    let (missing, file) = ("error: namespaces: exec none: ENOENT (No such file or directory)", "/bin/plain");
    assert_eq!(status(&["none"]), (127, missing.into()));
    assert_eq!(status(&["/etc"]).0, 126);
    assert_eq!(status(&[file]), (126, "error: namespaces: exec /bin/plain: EACCES (Permission denied)".into()));
    fs::set_permissions(rootfs.join("bin/plain"), fs::Permissions::from_mode(0o755)).expect("a mode");
    assert_eq!(status(&[file]), (126, "error: namespaces: exec /bin/plain: ENOEXEC (Exec format error)".into()));
    let mut bare = Command::new(test.program("ch01"));
    assert_eq!(test.run(bare.args(["run", "--no-such-flag"])).status, 125);
    assert_eq!(test.run(Command::new(test.program("ch01")).arg("--help")).status, 0);
}

/// The keys and values of /proc/self/status and the namespaces' names, as a container's process tells them.
const SELF: &str = "cat /proc/self/status; for kind in cgroup ipc mnt net pid time user uts; do echo \"$kind:$(readlink /proc/self/ns/$kind)\"; done";

fn described(text: &str) -> BTreeMap<String, String> {
    text.lines().filter_map(|line| line.split_once(':')).map(|(key, value)| (key.into(), value.trim().into())).collect()
}

const RIGHTS: [(&str, &str); 5] = [
    ("CapInh", "0000000000000000"),
    ("CapPrm", "00000000a80425fb"),
    ("CapEff", "00000000a80425fb"),
    ("CapBnd", "00000000a80425fb"),
    ("CapAmb", "0000000000000000"),
];

fn exec(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let host = host(test, Kernel::quiet());
    let (id, root) = (id(), directory(&rootfs));
    let parts: [&dyn Part; 1] = [&root];
    let script = format!("({SELF}) > /first; exec sleep 1000");
    let running = spawn(&host, &id, &parts, plan(&host, &["sh", "-c", &script]));
    let running = running.and_then(|waiting| waiting.start()).expect("started");
    let told = || described(&fs::read_to_string(rootfs.join("first")).unwrap_or_default());
    testkit::wait_until("the container has described itself", || told().contains_key("uts"));
    let first = told();
    let run = |options: &[&str], words: &[&str]| {
        let mut command = Command::new(test.program("ch01"));
        test.run(command.arg("exec").args(options).arg(running.target().pid().to_string()).args(words))
    };
    let second = described(&run(&[], &["sh", "-c", SELF]).success());
    for kind in NAMESPACES {
        assert_eq!(first[kind], second[kind], "exec is in another {kind} namespace");
    }
    for (key, value) in RIGHTS {
        assert_eq!((first[key].as_str(), second[key].as_str()), (value, value), "{key}");
    }
    assert_eq!(run(&[], &["sh", "-c", "kill -TERM $$"]).status, 143);
    assert_eq!(run(&[], &["none"]).status, 127);
    assert_eq!(run(&[], &["/etc"]).status, 126);
    let missing = run(&["-u", "nobody"], &["true"]);
    assert_eq!(missing.status, 125, "{}", missing.err);
    let made = run(&["-w", "/made/by/exec"], &["sh", "-c", "pwd; stat -c %u ."]).success();
    assert_eq!(made, "/made/by/exec\n0\n");
    let dry = run(&["--dry-run", "--explain=json"], &["true"]);
    assert!(dry.err.contains("setns to user,mount,pid") && dry.status == 0, "{}", dry.err);
    if rustix::process::geteuid().is_root() {
        let web = described(&run(&["-u", "web"], &["sh", "-c", SELF]).success());
        assert_eq!((web["Groups"].as_str(), web["CapEff"].as_str()), ("4 9 33", "0000000000000000"));
    }
    let ours = Command::new(test.program("ch01")).args(["exec", &std::process::id().to_string(), "true"]).output();
    let ours = String::from_utf8_lossy(&ours.expect("it runs").stderr).into_owned();
    assert!(ours.ends_with("it is in no container: all its namespaces are ours\n"), "{ours}");
}
