//! State roots that are hostile or broken: read-only, full, somebody else's; and records that can't be read.

#![forbid(unsafe_code)]

mod rig;

use std::{
    ffi::CString,
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use rig::{conex, entries, image, is_clean, roots};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use testkit::{Case, Output, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("a_read_only_root_is_told", read_only),
            Case::root("a_full_root_is_told_and_the_next_run_works", full),
            Case::root("the_root_of_somebody_else_is_refused", somebody_else_s),
            Case::root("an_open_root_is_refused", open),
            Case::root("a_broken_record_is_told_and_can_be_removed", broken),
            Case::root("one_container_that_can_t_be_finished_keeps_nobody_from_the_rest", unfinished),
            Case::root("a_tree_deeper_than_our_descriptors_is_removed", deep),
            Case::root("where_no_overlay_can_be_the_root_is_a_copy", fallback),
            Case::root("a_root_can_be_a_copy", copied),
            Case::user("a_root_can_be_a_copy_as_a_user", copied),
            Case::root("many_first_uses_of_starter_make_one_image", first_uses),
            Case::root("a_name_left_by_a_reboot_is_free", stale_name),
            Case::root("a_root_works_whatever_its_path_holds", unspeakable),
            Case::root("a_record_left_by_a_reboot_has_ended", rebooted),
        ],
        rig::PROGRAMS,
    )
}

fn run(test: &TestHost) -> Output {
    conex(test, &["run", "--rm", "--network", "none", "box", "busybox", "true"])
}

fn read_only(test: &TestHost) {
    let (root, _) = roots(test);
    fs::create_dir(&root).expect("a directory");
    mount("tmpfs", &root, "tmpfs", MountFlags::empty(), Some(c"mode=700")).expect("mounted");
    mount_remount(&root, MountFlags::RDONLY, "").expect("read-only");
    let output = run(test);
    let expected = format!(
        "error: make {}: EROFS (Read-only file system)\nhint: choose another place: --root DIR --run-root DIR\n",
        root.join("containers").display()
    );
    assert_eq!((output.status, output.err), (125, expected));
    unmount(&root, UnmountFlags::empty()).expect("unmounted");
}

/// Method: a file system of twelve megabytes, filled to the last byte at every stage of what a container needs.
fn full(test: &TestHost) {
    let (root, _) = roots(test);
    fs::create_dir(&root).expect("a directory");
    mount("tmpfs", &root, "tmpfs", MountFlags::empty(), Some(c"mode=700,size=12m")).expect("mounted");
    image(test);
    assert_eq!(run(test).status, 0);
    let filler = root.join("filler");
    for keep_bytes in [0, 4096, 8192, 12288, 16384, 32768] {
        let statfs = rustix::fs::statvfs(&root).expect("a file system");
        let free = usize::try_from(statfs.f_bavail * statfs.f_frsize).expect("small");
        fs::write(&filler, vec![1; free.saturating_sub(keep_bytes)]).expect("room");
        let output = run(test);
        assert!([0, 125].contains(&output.status), "with {keep_bytes} bytes: {output:?}");
        let told = output.err.contains("ENOSPC") && output.err.contains("hint: make room");
        assert!(output.status == 0 || told, "with {keep_bytes} bytes: {output:?}");
        fs::remove_file(&filler).expect("a file");
        assert_eq!(run(test).status, 0, "with room again");
        assert!(is_clean(test), "with {keep_bytes} bytes");
    }
    unmount(&root, UnmountFlags::empty()).expect("unmounted");
}

fn somebody_else_s(test: &TestHost) {
    let (root, _) = roots(test);
    fs::create_dir(&root).expect("a directory");
    fs::set_permissions(&root, fs::Permissions::from_mode(0o700)).expect("a mode");
    chown(&root, Some(1234), Some(1234)).expect("an owner");
    let output = run(test);
    assert!(output.err.contains("belongs to user 1234, not to us"), "{}", output.err);
    assert_eq!((output.status, entries(&root)), (125, vec![]));
}

fn open(test: &TestHost) {
    let (root, _) = roots(test);
    fs::create_dir(&root).expect("a directory");
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).expect("a mode");
    let output = run(test);
    assert!(output.err.contains("is open to other users (mode 755)\nhint: chmod 0700 "), "{}", output.err);
    fs::set_permissions(&root, fs::Permissions::from_mode(0o700)).expect("a mode");
    image(test);
    // Other users can't look inside, whatever an image brings.
    let look = format!("ls {}", root.display());
    let mut other = Command::new("setpriv");
    other.args(["--reuid", "4242", "--regid", "4242", "--clear-groups", "sh", "-c", &look]);
    let seen = test.run(&mut other);
    assert!(seen.status != 0 && seen.out.is_empty(), "{seen:?}");
}

fn container(test: &TestHost) -> std::path::PathBuf {
    let (root, _) = roots(test);
    entries(&root.join("containers")).pop().expect("a container")
}

fn keep(test: &TestHost, name: &str) {
    conex(test, &["run", "--name", name, "--network", "none", "box", "busybox", "true"]).success();
}

fn broken(test: &TestHost) {
    image(test);
    for file in ["container.json", "state.json"] {
        for content in [&b""[..], b"{", b"{\"id\": 5}", b"\xff\xfe", b"null"] {
            keep(test, "bad");
            write(&container(test).join(file), content);
            keep(test, "good");
            let table = conex(test, &["ps", "-a"]).success();
            let bad = table.lines().find(|line| line.ends_with("bad")).unwrap_or_default();
            assert!(bad.contains("Broken"), "{table}");
            assert!(table.lines().any(|line| line.contains("Exited (0)") && line.ends_with("good")), "{table}");
            assert_eq!(conex(test, &["rm", "bad", "good"]).success(), "bad\ngood\n");
            assert!(is_clean(test));
        }
    }
}

fn write(path: &Path, content: &[u8]) {
    assert!(path.exists(), "{}", path.display());
    fs::write(path, content).expect("a file");
}

/// Method: the root lies on an overlay, as in a container.
fn fallback(test: &TestHost) {
    let (root, _) = roots(test);
    let places = ["lower", "upper", "work"].map(|name| test.directory(name));
    fs::create_dir(&root).expect("a directory");
    let [lower, upper, work] = places.each_ref().map(|place| place.display().to_string());
    let options = CString::new(format!("lowerdir={lower},upperdir={upper},workdir={work}")).expect("text");
    mount("overlay", &root, "overlay", MountFlags::empty(), Some(options.as_c_str())).expect("mounted");
    fs::set_permissions(&root, fs::Permissions::from_mode(0o700)).expect("a mode");
    image(test);
    let output = run(test);
    let told =
        ["warning: no overlay in ", ", so the root is a copy: it lies on a file system of type overlay: ", "hint: "];
    assert!(output.status == 0 && told.iter().all(|part| output.err.contains(part)), "{output:?}");
    let words = ["run", "--rm", "--network", "none", "--storage-driver"];
    let run = |driver: &str| conex(test, &[&words[..], &[driver, "box", "busybox", "echo", "here"]].concat());
    assert_eq!((run("copy").out, run("reflink").err), ("here\n".to_owned(), String::new()));
    let refused = run("overlay");
    assert!(refused.status == 125 && refused.err.contains("or a root that is a copy: --storage-driver"), "{refused:?}");
    let unknown = run("btrfs");
    assert!(unknown.err.contains("no storage driver \"btrfs\"\nhint: overlay, copy, reflink"), "{unknown:?}");
    assert!(is_clean(test));
    unmount(&root, UnmountFlags::empty()).expect("unmounted");
}

fn copied(test: &TestHost) {
    let (root, _) = roots(test);
    image(test);
    let script = "rm /etc/group; echo mine > /etc/mine; test -d /proc/self && busybox ls /etc";
    let words = ["run", "--name", "cc", "--network", "none", "--storage-driver", "copy"];
    let listed = conex(test, &[&words[..], &["box", "busybox", "sh", "-c", script]].concat()).success();
    assert!(listed.contains("mine") && !listed.contains("group"), "{listed}");
    let copy = container(test).join("rootfs");
    assert!(copy.join("etc/mine").is_file() && !container(test).join("upper").exists());
    // The image is as it was.
    let script = "test ! -e /etc/mine && test -e /etc/group";
    conex(test, &["run", "--rm", "--network", "none", "box", "busybox", "sh", "-c", script]).success();
    let diff = conex(test, &["diff", "cc"]);
    assert!(diff.status != 0 && diff.err.contains("is a copy of its image\nhint: "), "{diff:?}");
    conex(test, &["commit", "cc", "made"]).success();
    conex(test, &["rm", "cc"]).success();
    let script = "test -e /etc/mine && test ! -e /etc/group";
    conex(test, &["run", "--rm", "--network", "none", "made", "busybox", "sh", "-c", script]).success();
    assert_eq!(entries(&root.join("containers")), Vec::<PathBuf>::new());
    assert!(is_clean(test));
}

/// Method: what was in the run root is gone, as after a reboot.
fn rebooted(test: &TestHost) {
    image(test);
    keep(test, "old");
    fs::remove_file(container(test).join("state.json")).expect("the facts");
    let table = conex(test, &["ps", "-a"]).success();
    assert!(table.lines().any(|line| line.contains("Exited (255)") && line.ends_with("old")), "{table}");
    conex(test, &["rm", "old"]).success();
    assert!(is_clean(test));
}

fn stale_name(test: &TestHost) {
    image(test);
    let (root, _) = roots(test);
    std::os::unix::fs::symlink("ab".repeat(32), root.join("names/old")).expect("a claim");
    keep(test, "old");
    conex(test, &["rm", "old"]).success();
    assert!(is_clean(test));
}

fn unspeakable(test: &TestHost) {
    let root = test.root.join("a:b,c\\d=e").join("x".repeat(250));
    let flags = ["--root", root.to_str().expect("text")];
    conex(test, &[&flags[..], &["image", "from-host", "box", "busybox"]].concat()).success();
    let output = conex(test, &[&flags[..], &["run", "--rm", "box", "busybox", "echo", "on"]].concat());
    assert_eq!(output.success(), "on\n");
    assert!(entries(&root.join("containers")).is_empty());
}

/// Method: a full disk, and a container whose shim was killed on it.
fn unfinished(test: &TestHost) {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("a reaper of orphans");
    let (root, _) = roots(test);
    fs::create_dir(&root).expect("a directory");
    mount("tmpfs", &root, "tmpfs", MountFlags::empty(), Some(c"mode=700,size=8m")).expect("mounted");
    image(test);
    keep(test, "other");
    let script = "dd if=/dev/zero of=/big bs=4k 2> /dev/null; echo full; sleep 1000";
    let arguments = ["run", "--network", "none", "--name", "big", "box", "busybox", "sh", "-c", script];
    let mut child = rig::command(test, &arguments).stdout(std::process::Stdio::piped()).spawn().expect("started");
    std::io::Read::read_exact(child.stdout.as_mut().expect("a pipe"), &mut [0; 5]).expect("it is full");
    let list = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).expect("its shim");
    let shim = list.trim().parse().ok().and_then(rustix::process::Pid::from_raw).expect("a pid");
    rustix::process::kill_process(shim, rustix::process::Signal::KILL).expect("killed");
    assert_eq!(child.wait().expect("ended").code(), Some(255));
    testkit::wait_until("its process is gone", || {
        while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
        fs::read_to_string("/proc/self/task/1/children").unwrap_or_default().trim().is_empty()
    });
    let table = conex(test, &["ps", "-a"]);
    assert!(table.status == 0 && table.out.contains("other"), "{table:?}");
    conex(test, &["rm", "-f", "big"]).success();
    assert!(run(test).status == 0);
    conex(test, &["rm", "other"]).success();
    assert!(is_clean(test));
    unmount(&root, UnmountFlags::empty()).expect("unmounted");
}

fn deep(test: &TestHost) {
    image(test);
    let script = "i=0; while [ $i -lt 1500 ]; do mkdir d && cd -P d || exit 1; i=$((i+1)); done";
    let arguments = ["run", "--rm", "--network", "none", "box", "busybox", "sh", "-c", script];
    conex(test, &arguments).success();
    assert!(is_clean(test));
    assert_eq!(conex(test, &["ps", "-aq"]).success(), "");
}

fn first_uses(test: &TestHost) {
    let start = |_| {
        let mut command = rig::command(test, &["run", "--rm", "--network", "none", "starter", "echo", "here"]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().expect("started")
    };
    let children: Vec<std::process::Child> = (0..8).map(start).collect();
    for child in children {
        let output = child.wait_with_output().expect("ended");
        assert_eq!(output.stdout, b"here\n", "{}", String::from_utf8_lossy(&output.stderr));
    }
    let mut user =
        rig::command(test, &["run", "--name", "user", "--network", "none", "starter:latest", "sleep", "1000"]);
    let mut user = user.spawn().expect("started");
    testkit::wait_until("it runs", || conex(test, &["ps"]).out.contains("user"));
    // Another image may have the name from now on; the container has what it was made of.
    conex(test, &["image", "from-host", "starter", "busybox"]).success();
    assert_eq!(conex(test, &["images", "-q"]).success().lines().count(), 2);
    conex(test, &["rm", "-f", "user"]).success();
    user.wait().expect("ended");
}
