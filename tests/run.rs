//! `conex run` as a user meets it: streams, exit codes, environment, names, as root and as an ordinary user.

#![forbid(unsafe_code)]

mod rig;

use std::{
    fs,
    io::{Read, Write},
    process::{ExitCode, Stdio},
};

use rig::{command, conex, entries, image, is_clean, roots, run};
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("starter_needs_nothing_but_this_machine_as_root", starter),
            Case::user("starter_needs_nothing_but_this_machine_as_a_user", starter),
            Case::root("output_and_errors_stay_apart_and_nothing_is_lost", streams),
            Case::root("standard_input_goes_in_and_its_end_does_too", input),
            Case::root("exit_codes_are_docker_s_as_root", exit_codes),
            Case::user("exit_codes_are_docker_s_as_a_user", exit_codes),
            Case::root("the_environment_has_docker_s_order_and_nothing_of_ours", environment),
            Case::root("an_entrypoint_takes_the_image_s_command_away", entrypoint),
            Case::root("a_container_without_rm_stays_until_it_is_removed", stays),
            Case::root("rm_leaves_nothing_as_root", removed),
            Case::user("rm_leaves_nothing_as_a_user", removed),
            Case::root("an_image_is_never_written_to", untouched),
            Case::root("namespaces_are_shared_as_asked_as_root", shared),
            Case::user("namespaces_are_shared_as_asked_as_a_user", shared),
            Case::root("rights_limits_and_settings_are_as_asked", settings),
            Case::root("signals_are_passed_on_and_an_init_heeds_them", signals),
            Case::root("what_is_explained_is_told_on_standard_error", explained),
        ],
        rig::PROGRAMS,
    )
}

fn starter(test: &TestHost) {
    let script = "id -u; ls / | tr '\n' ' '; ps -o pid= | wc -l; cat /etc/passwd | head -1; hostname | wc -c";
    let output = conex(test, &["run", "--rm", "--network", "none", "starter", "sh", "-c", script]);
    let out = output.success();
    assert!(out.starts_with("0\nbin dev etc home "), "{out}");
    assert!(out.ends_with("root:x:0:0:root:/root:/bin/sh\n13\n"), "{out}");
    // The second time it is there.
    assert_eq!(conex(test, &["run", "--rm", "--network", "none", "starter", "echo", "hello"]).success(), "hello\n");
    assert!(is_clean(test));
}

fn streams(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let output = run(test, &rootfs, &[], "echo out; echo err >&2; exit 3");
    assert_eq!((output.out.as_str(), output.err.as_str(), output.status), ("out\n", "err\n", 3));
    // More than any pipe or socket holds, to the last byte.
    let output = run(test, &rootfs, &[], "dd if=/dev/zero bs=1000 count=5000 2> /dev/null; echo end; echo end >&2");
    assert_eq!(output.out.len(), 5_000_004);
    assert_eq!(output.err, "end\n");
}

fn input(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let root = rootfs.to_str().expect("text");
    // The container tells what it read only after the end of it: a half-closed stream.
    let flags = ["run", "--rm", "-i", "--network", "none", "--rootfs", root, "sh", "-c", "wc -c; echo after"];
    let mut child = command(test, &flags).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("started");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(&vec![b'x'; 3_000_000]).expect("taken");
    drop(stdin);
    let mut out = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut out).expect("text");
    assert_eq!(out, "3000000\nafter\n");
    assert!(child.wait().expect("ended").success());
    // Without -i there is none, whatever ours is.
    assert_eq!(run(test, &rootfs, &[], "wc -c").success(), "0\n");
}

fn exit_codes(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    assert_eq!(run(test, &rootfs, &[], "exit 42").status, 42);
    assert_eq!(run(test, &rootfs, &["--init"], "kill -TERM $$").status, 143);
    assert_eq!(run(test, &rootfs, &["--init"], "kill -KILL $$").status, 137);
    let root = rootfs.to_str().expect("text");
    let of = |words: &[&str]| conex(test, &[&["run", "--rm", "--network", "none", "--rootfs", root], words].concat());
    let missing = of(&["no-such-program"]);
    let expected = "error: namespaces: exec no-such-program: ENOENT (No such file or directory)
hint: no directory of the container's PATH has this program
";
    assert_eq!((missing.status, missing.err.as_str()), (127, expected));
    assert_eq!(of(&["/etc"]).status, 126);
    assert_eq!(of(&["/etc/passwd"]).status, 126);
    assert_eq!(of(&[]).status, 125);
    assert!(is_clean(test));
}

fn environment(test: &TestHost) {
    image(test);
    let mut run =
        command(test, &["run", "--rm", "--network", "none", "-h", "box", "-e", "A=1", "-eB=2", "--env=FROM_US"]);
    run.env("HOST_SECRET", "1").env("FROM_US", "here").args(["-e", "ABSENT", "-e", "A=3", "box", "busybox", "env"]);
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let expected = format!("{path}\nHOSTNAME=box\nA=3\nB=2\nFROM_US=here\nHOME=/root\n");
    assert_eq!(test.run(&mut run).success(), expected);
    let file = test.directory("files").join("env");
    fs::write(&file, "C=3\n# none\nD=4 \nFROM_US\n").expect("a file");
    let arguments =
        ["run", "--rm", "--network", "none", "-h", "box", "--env-file", file.to_str().expect("text"), "box"];
    let out = test.run(command(test, &arguments).env_remove("FROM_US").args(["busybox", "env"])).success();
    assert_eq!(out, format!("{path}\nHOSTNAME=box\nC=3\nD=4 \nHOME=/root\n"));
}

fn entrypoint(test: &TestHost) {
    image(test);
    let run = |flags: &[&str], words: &[&str]| {
        let arguments = [&["run", "--rm", "--network", "none"], flags, &["box"], words].concat();
        conex(test, &arguments)
    };
    assert_eq!(run(&["--entrypoint", "busybox"], &["echo", "a"]).success(), "a\n");
    assert_eq!(run(&["--entrypoint", ""], &["busybox", "echo", "b"]).success(), "b\n");
    let none = run(&["--entrypoint", ""], &[]);
    assert!(none.status == 125 && none.err.contains("there is no command to run"), "{none:?}");
    // The image's own command is busybox, which tells what it can do.
    assert!(run(&[], &[]).out.starts_with("BusyBox"));
}

fn stays(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let root = rootfs.to_str().expect("text");
    let file = test.directory("files").join("id");
    let cidfile = file.to_str().expect("text");
    let arguments = ["run", "--network", "none", "--name", "kept", "--cidfile", cidfile, "--rootfs", root];
    assert_eq!(conex(test, &[&arguments[..], &["sh", "-c", "exit 5"]].concat()).status, 5);
    let id = fs::read_to_string(&file).expect("an id");
    assert_eq!(id.len(), 64);
    assert_eq!(conex(test, &["ps", "-q"]).success(), "");
    assert_eq!(conex(test, &["ps", "-aq", "--no-trunc"]).success(), format!("{id}\n"));
    let table = conex(test, &["ps", "-a"]).success();
    let line = table.lines().nth(1).expect("a line");
    assert!(line.starts_with(&id[..12]) && line.contains("Exited (5) ") && line.ends_with("kept"), "{table}");
    let again = conex(test, &["run", "--rm", "--name", "kept", "--rootfs", root, "true"]);
    let expected = format!(
        "error: the name kept is taken by container {}\nhint: conex rm kept, or choose another --name\n",
        &id[..12]
    );
    assert_eq!(again.status, 125);
    assert!(again.err.ends_with(&expected), "{}", again.err);
    let used = conex(test, &["run", "--rm", "--cidfile", cidfile, "--rootfs", root, "true"]);
    assert!(used.status == 125 && used.err.contains("EEXIST"), "{}", used.err);
    assert_eq!(conex(test, &["rm", "nobody", "kept"]).status, 1);
    assert!(is_clean(test));
}

fn removed(test: &TestHost) {
    image(test);
    let before = test.fingerprint();
    let script = "mkdir -p /made/here; echo x > /made/here/file; chmod 0 /made/here; exit 4";
    let arguments = ["run", "--rm", "--network", "none", "box", "busybox", "sh", "-c", script];
    // The engine's own program is there from the first run on.
    assert_eq!(conex(test, &arguments).status, 4);
    let after = test.fingerprint();
    assert_eq!(conex(test, &arguments).status, 4);
    after.assert_same(&test.fingerprint(), "after one more run");
    let new = before.differences(&after);
    assert!(new.iter().all(|line| line.contains("/bin/conex-shim-")), "{new:?}");
}

fn untouched(test: &TestHost) {
    image(test);
    let (root, _) = roots(test);
    let image = root.join("made/box");
    let before = testkit::Fingerprint::take(&[&image]);
    let script = "rm /bin/busybox; echo x > /etc/passwd; mkdir /new; ls /new /bin/busybox";
    let arguments = ["run", "--network", "none", "--name", "writer", "box", "busybox", "sh", "-c", script];
    conex(test, &arguments);
    before.assert_same(&testkit::Fingerprint::take(&[&image]), "after a container wrote");
    let containers = entries(&root.join("containers"));
    assert!(containers[0].join("upper/new").is_dir());
    let read_only = ["run", "--rm", "--read-only", "--network", "none", "box", "busybox", "sh", "-c", "echo x > /new"];
    let output = conex(test, &read_only);
    assert!(output.err.contains("Read-only file system"), "{output:?}");
    let busy = conex(test, &["image", "from-host", "box", "busybox"]);
    assert!(busy.status == 125 && busy.err.contains("is used by container"), "{busy:?}");
    conex(test, &["rm", "writer"]).success();
}

fn shared(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let ours = |kind: &str| fs::read_link(format!("/proc/self/ns/{kind}")).expect("a link").display().to_string();
    let inside = |flags: &[&str], kind: &str| {
        run(test, &rootfs, flags, &format!("readlink /proc/self/ns/{kind}")).success().trim().to_owned()
    };
    for (flags, kind) in [
        (["--network", "host"], "net"),
        (["--pid", "host"], "pid"),
        (["--ipc", "host"], "ipc"),
        (["--uts", "host"], "uts"),
    ] {
        assert_eq!(inside(&flags, kind), ours(kind), "{flags:?}");
        assert_ne!(inside(&[], kind), ours(kind), "{kind} is shared unasked");
    }
    let root = rootfs.to_str().expect("text");
    let first =
        ["run", "--rm", "--network", "none", "--name", "first", "--rootfs", root, "sh", "-c", "echo up; sleep 1000"];
    let mut first = command(test, &first).stdout(Stdio::piped()).spawn().expect("started");
    first.stdout.as_mut().expect("a pipe").read_exact(&mut [0; 3]).expect("it is up");
    let pids = run(test, &rootfs, &["--pid", "container:first"], "ps | grep -c '[s]leep 1000'").success();
    assert_eq!(pids, "1\n");
    let ipc = inside(&["--ipc", "container:first"], "ipc");
    assert_ne!(ipc, ours("ipc"));
    assert_eq!(ipc, inside(&["--ipc", "container:first"], "ipc"));
    conex(test, &["rm", "-f", "first"]).success();
    assert_eq!(first.wait().expect("ended").code(), Some(137));
    let gone = run(test, &rootfs, &["--pid", "container:first"], "true");
    assert!(gone.status == 125 && gone.err.contains("there is no container first"), "{gone:?}");
    assert!(is_clean(test));
}

fn settings(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let told = |flags: &[&str], script: &str| run(test, &rootfs, flags, script).success();
    let caps = "grep CapEff /proc/self/status | cut -f 2";
    assert_eq!(told(&["--cap-drop", "ALL"], caps), "0000000000000000\n");
    assert_eq!(told(&["--cap-drop", "all", "--cap-add", "NET_ADMIN"], caps), "0000000000001000\n");
    assert_ne!(told(&["--privileged"], caps), told(&[], caps));
    assert_eq!(told(&["--ulimit", "nofile=70:80"], "ulimit -Sn; ulimit -Hn"), "70\n80\n");
    assert_eq!(told(&[], "ulimit -Sn"), "1024\n", "ours does not leak");
    assert_eq!(told(&["--sysctl", "net.ipv4.ip_forward=1"], "cat /proc/sys/net/ipv4/ip_forward"), "1\n");
    let usual = "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range";
    assert_eq!(told(&[], usual), "0\n0\t2147483647\n");
    assert_eq!(
        told(&["--shm-size", "1m"], "stat -f -c '%b %S' /dev/shm | { read b s; echo $((b * s)); }"),
        "1048576\n"
    );
    let tmpfs = "grep ' /cache ' /proc/self/mountinfo | grep -c noexec; stat -c %a /cache";
    assert_eq!(told(&["--tmpfs", "/cache:size=1m,mode=700"], tmpfs), "1\n700\n");
    assert_eq!(told(&["-u", "web", "--group-add", "late", "--group-add", "77"], "id -G"), "33 4 9 77\n");
    assert_eq!(told(&["--security-opt", "no-new-privileges"], "grep NoNew /proc/self/status | cut -f 2"), "1\n");
    assert_eq!(told(&["-h", "me", "--domainname", "home"], "hostname; cat /proc/sys/kernel/domainname"), "me\nhome\n");
    assert_eq!(told(&["-w", "/made/../here", "-u", "web"], "pwd"), "/here\n");
    assert_eq!(told(&["--init"], "cat /proc/1/comm; echo $$"), "conex-shim\n2\n");
}

fn signals(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let root = rootfs.to_str().expect("text");
    let script = "trap 'echo heard; exit 6' TERM; echo up; while :; do sleep 0.01; done";
    for init in [&["--init"][..], &[]] {
        let arguments = [&["run", "--rm", "--network", "none"], init, &["--rootfs", root, "sh", "-c", script]].concat();
        let mut child = command(test, &arguments).stdout(Stdio::piped()).spawn().expect("started");
        let mut out = child.stdout.take().expect("a pipe");
        out.read_exact(&mut [0; 3]).expect("it is up");
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("sent");
        let mut rest = String::new();
        out.read_to_string(&mut rest).expect("text");
        assert_eq!((rest.as_str(), child.wait().expect("ended").code()), ("heard\n", Some(6)));
    }
    assert!(is_clean(test));
}

fn explained(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let text = run(test, &rootfs, &["--explain", "-e", "KEY=tell-nobody"], "echo out");
    assert_eq!(text.out, "out\n");
    for part in ["clone3 mount,pid,net,uts,ipc", "pivot_root", "exec sh", "operations have an exact command"] {
        assert!(text.err.contains(part), "{part}: {}", text.err);
    }
    assert!(!text.err.contains("tell-nobody"));
    let json = run(test, &rootfs, &["--explain=json"], "true").err;
    let first: serde_json::Value = serde_json::from_str(json.lines().next().expect("a line")).expect("JSON");
    assert!(first["operation"].is_string());
    let before = test.fingerprint();
    let dry = run(test, &rootfs, &["--dry-run"], "echo never");
    assert_eq!((dry.out.as_str(), dry.status), ("", 0));
    assert!(dry.err.contains("exec sh"), "{}", dry.err);
    before.assert_same(&test.fingerprint(), "after a dry run");
}
