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
            Case::root("a_container_without_rm_stays_until_it_is_removed", stays),
            Case::root("rm_leaves_nothing_as_root", removed),
            Case::user("rm_leaves_nothing_as_a_user", removed),
            Case::root("layers_of_the_host_s_are_seen_as_one_root", layers),
            Case::root("an_image_is_never_written_to", untouched),
            Case::root("signals_are_passed_on_and_an_init_heeds_them", signals),
            Case::root("starter_works_where_the_shell_is_busybox", busybox),
            Case::root("info_and_version_tell_what_this_host_offers", info),
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
        "error: the name kept is taken by container {}\nhint: conex rm kept, or choose another name\n",
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
    // The engine's own program and the layer of mount points are there from the first run on.
    assert_eq!(conex(test, &arguments).status, 4);
    let after = test.fingerprint();
    assert_eq!(conex(test, &arguments).status, 4);
    after.assert_same(&test.fingerprint(), "after one more run");
    let new = before.differences(&after);
    let kept =
        |line: &String| ["/bin/conex-shim-", "/bin/.lock", "/layers/stub-1"].iter().any(|name| line.contains(name));
    assert!(new.iter().all(kept), "{new:?}");
}

fn untouched(test: &TestHost) {
    image(test);
    let (root, _) = roots(test);
    let image = root.join("layers");
    conex(test, &["run", "--rm", "--network", "none", "box", "busybox", "true"]).success();
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
    conex(test, &["rm", "writer"]).success();
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

/// Method: a container whose only programs are busybox and conex makes an image of its own sh and ls, and runs that.
fn busybox(test: &TestHost) {
    let program = test.program("conex");
    conex(test, &["image", "from-host", "nest", "busybox", program.to_str().expect("text")]).success();
    let script = format!(
        "busybox --install -s /bin
        {0} --root /r --run-root /rr image from-host t sh ls > /dev/null && readlink /r/layers/*/bin/sh
        chroot /r/layers/* /bin/sh -c 'ls -d /etc'",
        program.display()
    );
    let output = conex(test, &["run", "--rm", "--network", "none", "nest", "busybox", "sh", "-c", &script]);
    let (link, rest) = output.out.split_once('\n').unwrap_or_default();
    assert!(link.ends_with("/busybox") && rest == "/etc\n", "{output:?}");
}

fn info(test: &TestHost) {
    let told = conex(test, &["info"]).success();
    for key in ["kernel ", "cgroups ", "overlay ", "user namespaces ", "state "] {
        assert!(told.lines().any(|line| line.starts_with(key)), "{key}: {told}");
    }
    assert!(told.contains(&rustix::system::uname().release().to_string_lossy().into_owned()), "{told}");
    assert_eq!(conex(test, &["version"]).success(), format!("conex {}\n", env!("CARGO_PKG_VERSION")));
}

/// Method: three directories, of which the topmost has a whiteout; what the container writes is in none of them.
fn layers(test: &TestHost) {
    let (low, middle, top) = (test.rootfs("low"), test.directory("middle"), test.directory("top"));
    fs::write(low.join("low"), "low\n").and_then(|()| fs::write(low.join("gone"), "")).expect("written");
    fs::write(middle.join("low"), "middle\n")
        .and_then(|()| fs::write(middle.join("both"), "middle\n"))
        .expect("written");
    fs::write(top.join("both"), "top\n").expect("written");
    let whiteout = std::process::Command::new("mknod").arg(top.join("gone")).args(["c", "0", "0"]).status();
    assert!(whiteout.expect("mknod").success());
    let before = testkit::Fingerprint::take(&[&low, &middle, &top]);
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let layers = [text(&low), text(&middle), text(&top)];
    let flags: Vec<&str> = layers.iter().flat_map(|layer| ["--layer", layer]).collect();
    let script = "cat /low /both; ls /gone 2>&1; echo mine > /low; rm /both; cat /etc/hostname | wc -l";
    let output = conex(test, &[&["run", "--rm", "--network", "none"], &flags[..], &["sh", "-c", script]].concat());
    assert_eq!(output.success(), "middle\ntop\nls: /gone: No such file or directory\n1\n");
    before.assert_same(&testkit::Fingerprint::take(&[&low, &middle, &top]), "after a container wrote");
    let twice = ["run", "--rm", "--layer", &layers[0], "--layer", &layers[0], "true"];
    let refused = conex(test, &twice);
    assert!(refused.status == 125 && refused.err.contains("error: overlay: "), "{refused:?}");
    assert!(is_clean(test));
}
