//! What the flags of `conex run` do to a container: its environment, its namespaces, its rights, its streams.

#![forbid(unsafe_code)]

mod rig;

use std::{
    fs,
    io::Read,
    process::{ExitCode, Stdio},
};

use rig::{command, conex, image, is_clean, run};
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("the_environment_has_docker_s_order_and_nothing_of_ours", environment),
            Case::root("an_entrypoint_takes_the_image_s_command_away", entrypoint),
            Case::root("namespaces_are_shared_as_asked_as_root", shared),
            Case::user("namespaces_are_shared_as_asked_as_a_user", shared),
            Case::root("rights_limits_and_settings_are_as_asked", settings),
            Case::root("only_the_streams_that_are_attached_are_shown", attached),
            Case::root("our_umask_is_not_the_container_s", umask),
            Case::root("standard_streams_can_be_opened_again_by_any_user", reopened),
            Case::root("what_a_container_leaves_in_the_host_s_pid_namespace_is_killed", companions),
            Case::root("an_empty_value_is_none", empty_values),
            Case::root("a_full_pipe_keeps_no_signal_from_the_container", full_pipe),
            Case::root("a_pipeline_ends_when_its_reader_does", pipeline),
            Case::root("signals_that_are_not_passed_on_are_ours", not_passed_on),
            Case::root("what_is_explained_is_told_on_standard_error", explained),
        ],
        rig::PROGRAMS,
    )
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

fn attached(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let script = "echo out; echo err >&2; exit 3";
    let told = |flags: &[&str]| {
        let output = run(test, &rootfs, flags, script);
        (output.out, output.err, output.status)
    };
    assert_eq!(told(&["-a", "stdout"]), ("out\n".into(), String::new(), 3));
    assert_eq!(told(&["-a", "stderr"]), (String::new(), "err\n".into(), 3));
    assert_eq!(told(&["-a", "stdout", "-a", "stderr"]), ("out\n".into(), "err\n".into(), 3));
    assert!(run(test, &rootfs, &["-a", "nothing"], script).err.contains("there is no stream \"nothing\""));
}

fn not_passed_on(test: &TestHost) {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("a reaper of orphans");
    let rootfs = test.rootfs("rootfs");
    let root = rootfs.to_str().expect("text");
    let script = "trap 'echo heard' TERM; echo up; while :; do sleep 0.01; done";
    let arguments =
        ["run", "--name", "deaf", "--network", "none", "--sig-proxy=false", "--rootfs", root, "sh", "-c", script];
    let mut child = command(test, &arguments).stdout(Stdio::piped()).spawn().expect("started");
    let mut out = child.stdout.take().expect("a pipe");
    out.read_exact(&mut [0; 3]).expect("it is up");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM)
        .expect("sent");
    let mut rest = String::new();
    out.read_to_string(&mut rest).expect("text");
    let status = child.wait().expect("ended");
    assert_eq!((rest.as_str(), std::os::unix::process::ExitStatusExt::signal(&status)), ("", Some(15)));
    assert!(conex(test, &["ps"]).success().contains(" Up "));
    conex(test, &["rm", "-f", "deaf"]).success();
    while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
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
    rig::image(test);
    let before = test.fingerprint();
    let dry = rig::conex(test, &["run", "--dry-run", "-m", "64m", "box", "busybox", "echo", "never"]);
    assert!(dry.status == 0 && dry.out.is_empty() && dry.err.contains("fsmount overlay of 2 lower"), "{dry:?}");
    before.assert_same(&test.fingerprint(), "after a dry run of an image");
}

fn pipeline(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let root = rootfs.to_str().expect("text");
    let arguments = ["run", "--rm", "--network", "none", "--rootfs", root, "dd", "if=/dev/zero", "bs=100k"];
    let mut child = command(test, &arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("started");
    child.stdout.take().expect("a pipe").read_exact(&mut [0; 1000]).expect("it writes");
    testkit::wait_until("the container ended with its reader", || child.try_wait().expect("a child").is_some());
    assert!(is_clean(test));
}

fn umask(test: &TestHost) {
    let shell = |script: &str| {
        let mut command = std::process::Command::new("sh");
        let (root, run_root) = rig::roots(test);
        command.env("CONEX_ROOT", root).env("CONEX_RUN_ROOT", run_root).env("CONEX", test.program("conex"));
        test.run(command.args(["-c", script])).success()
    };
    shell("umask 077; $CONEX image from-host box busybox");
    let look = "stat -c %a / /etc /etc/passwd /etc/hosts; umask";
    let out = shell(&format!("umask 077; $CONEX run --rm --network none -u 1000 box busybox sh -c '{look}'"));
    assert_eq!(out, "755\n755\n644\n644\n0022\n");
}

fn reopened(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let root = rootfs.to_str().expect("text");
    let script = "cat /dev/stdin; echo out > /dev/stdout; echo err > /dev/stderr";
    let arguments = ["run", "--rm", "-i", "-u", "1000", "--network", "none", "--rootfs", root, "sh", "-c", script];
    let mut child = command(test, &arguments);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), b"in\n").expect("taken");
    let output = child.wait_with_output().expect("ended");
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"in\nout\n"[..], &b"err\n"[..]));
}

fn companions(test: &TestHost) {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("a reaper of orphans");
    let rootfs = test.rootfs("rootfs");
    run(test, &rootfs, &["--pid", "host"], "sleep 98765 > /dev/null 2>&1 & sleep 98765 > /dev/null 2>&1 &").success();
    testkit::wait_until("its companions are gone", || {
        while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
        !run(test, &rootfs, &["--pid", "host"], "ps").success().contains("98765")
    });
}

fn empty_values(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let flags = ["-u", "", "-w", "", "-h", "", "--name", "", "--shm-size", "0", "--ipc", "", "--pid", ""];
    assert_eq!(run(test, &rootfs, &flags, "id -u; pwd").success(), "0\n/\n");
    assert_eq!(
        run(test, &rootfs, &["--read-only=1", "--init=F"], "echo $$; touch /x || echo sealed").out,
        "1\nsealed\n"
    );
}

fn full_pipe(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let root = rootfs.to_str().expect("text");
    let script = "trap 'exit 6' TERM; echo up; while :; do echo more; done";
    let arguments = ["run", "--rm", "--init", "--network", "none", "--rootfs", root, "sh", "-c", script];
    let mut child = command(test, &arguments).stdout(Stdio::piped()).spawn().expect("started");
    let mut out = child.stdout.take().expect("a pipe");
    out.read_exact(&mut [0; 3]).expect("it is up");
    std::thread::sleep(std::time::Duration::from_millis(100));
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM)
        .expect("sent");
    std::thread::sleep(std::time::Duration::from_millis(100));
    // The signal is there; the shell sees it once its own write has room.
    let mut rest = Vec::new();
    out.read_to_end(&mut rest).expect("the rest");
    assert_eq!(child.wait().expect("ended").code(), Some(6));
}
