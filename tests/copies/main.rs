//! What goes into containers and out of them: links that lead out, races, mounts, archives, those that do not run. Docker's
//! table of names is tried beside docker.

#![forbid(unsafe_code)]

mod hostile;
#[path = "../rig/mod.rs"]
mod rig;

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Command, ExitCode, Stdio},
};

use rig::{begin, command, conex, image, is_clean};
use testkit::{Case, TestHost, wait_until};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("files_go_in_and_out_also_where_nothing_runs", both_ways),
            Case::user("files_go_in_and_out_of_a_user_s_container", by_a_user),
            Case::root("archives_go_in_and_out", archives),
            Case::root("no_link_leads_out_of_the_container", hostile::links),
            Case::root("nor_one_that_is_exchanged_meanwhile", hostile::races),
            Case::root("nobody_in_the_container_gets_root_s_rights_by_a_copy", hostile::rights),
            Case::root("nothing_of_the_container_is_executed", hostile::trojans),
            Case::root("what_is_mounted_is_left_out_and_single_files_take_content", mounts),
            Case::root("a_container_is_exported_as_it_is", exported),
            Case::root("what_can_t_be_is_told", refused),
            Case::root("who_is_killed_while_he_copies_leaves_a_container_that_starts", killed),
        ],
        rig::PROGRAMS,
    )
}

fn place(test: &TestHost) -> std::path::PathBuf {
    test.directory("files")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

fn both_ways(test: &TestHost) {
    image(test);
    let file = place(test).join("file");
    fs::write(&file, "in\n").expect("written");
    // One that never ran, one that runs, and one that has ended; as an overlay and as a copy.
    for driver in ["overlay", "copy"] {
        let flags = ["--name", "web", "--network", "none", "--storage-driver", driver];
        let words = ["box", "busybox", "sh", "-c", "cat /etc/new; echo out > /out; exec busybox sleep 1000"];
        conex(test, &[&["create"], &flags[..], &words[..]].concat()).success();
        conex(test, &["cp", text(&file), "web:/etc/new"]).success();
        let status = conex(test, &["ps", "-a", "--format", "{{.Status}}"]).success();
        assert_eq!(status, "Created\n", "{driver}: it stays what it was");
        conex(test, &["start", "web"]).success();
        wait_until("it has written", || conex(test, &["exec", "web", "busybox", "test", "-s", "/out"]).status == 0);
        assert_eq!(rig::logs(test, &["web"]).out, "in\n");
        let out = place(test).join("out");
        conex(test, &["cp", "web:/out", text(&out)]).success();
        assert_eq!(fs::read_to_string(&out).expect("copied"), "out\n");
        conex(test, &["cp", text(&file), "web:/running"]).success();
        assert_eq!(conex(test, &["exec", "web", "busybox", "cat", "/running"]).success(), "in\n");
        conex(test, &["stop", "-t", "0", "web"]).success();
        conex(test, &["cp", text(&file), "web:/ended"]).success();
        conex(test, &["cp", "web:/ended", text(&out)]).success();
        assert_eq!(fs::read_to_string(&out).expect("copied"), "in\n");
        let status = conex(test, &["ps", "-a", "--format", "{{.Status}}"]).success();
        assert!(status.starts_with("Exited (137) "), "{status}");
        conex(test, &["start", "web"]).success();
        assert_eq!(conex(test, &["exec", "web", "busybox", "cat", "/ended"]).success(), "in\n");
        conex(test, &["rm", "-f", "web"]).success();
    }
    assert!(is_clean(test));
}

fn by_a_user(test: &TestHost) {
    image(test);
    begin(test, &["--name", "web"], "echo out > /out; exec busybox sleep 1000");
    wait_until("it has written", || conex(test, &["exec", "web", "busybox", "test", "-s", "/out"]).status == 0);
    let file = place(test).join("file");
    conex(test, &["cp", "web:/out", text(&file)]).success();
    conex(test, &["cp", text(&file), "web:/in"]).success();
    assert_eq!(conex(test, &["exec", "web", "busybox", "cat", "/in"]).success(), "out\n");
    let archive = place(test).join("all.tar");
    conex(test, &["export", "-o", text(&archive), "web"]).success();
    assert!(fs::metadata(&archive).expect("there").len() > 100_000);
    conex(test, &["stop", "-t", "0", "web"]).success();
    let refused = conex(test, &["cp", "web:/out", text(&file)]);
    assert!(refused.status == 1 && refused.err.contains("only root can look at a container's root"), "{refused:?}");
    conex(test, &["rm", "web"]).success();
    assert!(is_clean(test));
}

fn archives(test: &TestHost) {
    image(test);
    begin(test, &["--name", "one"], "mkdir -p /d/sub; echo f > /d/f; ln /d/f /d/sub/hard; sleep 1000");
    begin(test, &["--name", "two"], "sleep 1000");
    wait_until("it has written", || conex(test, &["exec", "one", "busybox", "test", "-e", "/d/sub/hard"]).status == 0);
    let mut out = command(test, &["cp", "one:/d", "-"]).stdout(Stdio::piped()).spawn().expect("started");
    let archive = out.stdout.take().expect("a pipe");
    let taken = command(test, &["cp", "-", "two:/tmp"]).stdin(archive).status().expect("run");
    assert!(taken.success() && out.wait().expect("ended").success());
    let told =
        conex(test, &["exec", "two", "busybox", "sh", "-c", "cat /tmp/d/f; stat -c %h /tmp/d/sub/hard"]).success();
    assert_eq!(told, "f\n2\n", "also a hard link");
    // Packed by whatever.
    let packed = place(test).join("packed.tar.gz");
    let tar = Command::new("tar").args(["-czf", text(&packed), "-C", "/etc", "hostname"]).status().expect("tar");
    assert!(tar.success());
    let taken = command(test, &["cp", "-", "two:/tmp"]).stdin(File::open(&packed).expect("there")).status();
    assert!(taken.expect("run").success());
    assert_eq!(conex(test, &["exec", "two", "busybox", "test", "-e", "/tmp/hostname"]).status, 0);
    conex(test, &["rm", "-f", "one", "two"]).success();
    assert!(is_clean(test));
}

fn mounts(test: &TestHost) {
    image(test);
    begin(test, &["--name", "web", "--tmpfs", "/scratch"], "echo x > /scratch/file; echo y > /dev/shm/y; sleep 1000");
    wait_until("it has written", || conex(test, &["exec", "web", "busybox", "test", "-e", "/dev/shm/y"]).status == 0);
    let out = place(test).join("all");
    fs::create_dir(&out).expect("made");
    conex(test, &["cp", "web:/.", text(&out)]).success();
    for empty in ["proc", "sys", "dev", "scratch"] {
        assert_eq!(fs::read_dir(out.join(empty)).expect("a directory").count(), 0, "{empty}");
    }
    assert!(out.join("bin/busybox").exists() && fs::read(out.join("etc/hosts")).is_ok_and(|hosts| !hosts.is_empty()));
    // What is asked for by name is what the container sees there.
    conex(test, &["cp", "web:/scratch", text(&out.join("scratch"))]).success();
    assert_eq!(fs::read_to_string(out.join("scratch/scratch/file")).expect("copied"), "x\n");
    let hosts = place(test).join("hosts");
    fs::write(&hosts, "192.0.2.1 there\n").expect("written");
    conex(test, &["cp", text(&hosts), "web:/etc/hosts"]).success();
    let told = conex(test, &["exec", "web", "busybox", "sh", "-c", "cat /etc/hosts; grep -c /etc/hosts /proc/mounts"]);
    assert_eq!(told.success(), "192.0.2.1 there\n1\n", "it is still mounted");
    let changed = conex(test, &["diff", "web"]).success();
    assert!(!changed.contains("/etc/hosts"), "{changed}");
    conex(test, &["rm", "-f", "web"]).success();
    assert!(is_clean(test));
}

fn exported(test: &TestHost) {
    image(test);
    begin(
        test,
        &["--name", "web", "--tmpfs", "/scratch"],
        "echo new > /new; rm /etc/group; echo x > /scratch/x; sleep 1000",
    );
    wait_until("it has written", || conex(test, &["exec", "web", "busybox", "test", "-e", "/scratch/x"]).status == 0);
    let list = |name: &str| {
        let file = place(test).join(name);
        conex(test, &["export", "-o", text(&file), "web"]).success();
        let list = test.run(Command::new("tar").args(["-tf", text(&file)])).success();
        list.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let running = list("running.tar");
    for there in ["new", "usr/bin/busybox", "scratch/", "etc/hosts", "proc/"] {
        assert!(running.iter().any(|name| name == there), "{there}: {running:?}");
    }
    for gone in ["etc/group", "scratch/x", "./", ""] {
        assert!(!running.iter().any(|name| name == gone), "{gone}: {running:?}");
    }
    assert!(!running.iter().any(|name| name.starts_with("proc/1") || name.starts_with("dev/null")), "{running:?}");
    assert_eq!(conex(test, &["inspect", "-f", "{{.State.Status}}", "web"]).success(), "running\n");
    conex(test, &["stop", "-t", "0", "web"]).success();
    assert_eq!(list("stopped.tar"), running);
    // It is an image's root again.
    let file = place(test).join("running.tar");
    conex(test, &["import", text(&file), "again"]).success();
    let told = conex(test, &["run", "--rm", "--network", "none", "again", "busybox", "cat", "/new"]).success();
    assert_eq!(told, "new\n");
    assert_eq!(conex(test, &["export", "-o", "/dev/null", "web"]).success(), "", "a device stays one");
    assert!(fs::metadata("/dev/null").is_ok_and(|null| null.rdev() != 0));
    conex(test, &["rm", "web"]).success();
    assert!(is_clean(test));
}

fn refused(test: &TestHost) {
    image(test);
    begin(test, &["--name", "web", "--read-only"], "sleep 1000");
    let file = place(test).join("file");
    fs::write(&file, "x").expect("written");
    let local = text(&file);
    let x = file.with_extension("x");
    let x = text(&x);
    for (words, why) in [
        (&["cp", "web:/etc", "web:/tmp"][..], "both are containers"),
        (&["cp", local, x], "neither is a container"),
        (&["cp", "web:/nothing", x], "there is no /nothing"),
        (&["cp", "nobody:/etc", x], "there is no container nobody"),
        (&["cp", local, "web:/x"], "can't be written to"),
        (&["cp", "-", "web:/etc/passwd"], "can't be written to"),
        (&["cp", "web:/etc"], "an argument is missing"),
        (&["cp", "web:/etc/passwd/", x], "is no directory"),
        (&["export", "nobody"], "there is no container nobody"),
        (&["export", "-o", "/no/such/place", "web"], "/no/such/place"),
    ] {
        let output = conex(test, words);
        assert!(output.status == 1 && output.err.contains(why), "{words:?}: {output:?}");
    }
    assert!(!Path::new(x).exists());
    // What is no file is not replaced by one.
    for special in ["null", "pipe"] {
        let special = place(test).join(special);
        let made = match special.ends_with("null") {
            true => Command::new("mknod").arg(&special).args(["c", "1", "3"]).status(),
            false => Command::new("mkfifo").arg(&special).status(),
        };
        assert!(made.expect("coreutils").success());
        let before = fs::metadata(&special).expect("there").ino();
        let output = conex(test, &["cp", "web:/etc/passwd", text(&special)]);
        assert!(output.status == 1 && output.err.contains("is a device, a pipe or a socket"), "{output:?}");
        assert_eq!(fs::metadata(&special).expect("there").ino(), before);
    }
    conex(test, &["rm", "-f", "web"]).success();
    assert!(is_clean(test));
}

fn killed(test: &TestHost) {
    image(test);
    conex(test, &["create", "--name", "web", "--network", "none", "box", "busybox", "sh", "-c", "exit 5"]).success();
    conex(test, &["start", "-a", "web"]);
    // It waits for an archive that does not come, and nobody else can start the container meanwhile.
    let mut copying = command(test, &["cp", "-", "web:/tmp"]).stdin(Stdio::piped()).spawn().expect("started");
    let (_, run_root) = rig::roots(test);
    wait_until("it is at it", || !rig::entries(&run_root).is_empty());
    let status = || conex(test, &["ps", "-a", "--format", "{{.Status}}"]).success();
    assert!(status().starts_with("Exited (5) "), "{}", status());
    let mut starting = command(test, &["start", "web"]).stdout(Stdio::null()).spawn().expect("started");
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert!(starting.try_wait().expect("asked").is_none(), "it waits until the copy is done");
    starting.kill().expect("it waits");
    starting.wait().expect("it has ended");
    copying.kill().expect("it is there");
    copying.wait().expect("it has ended");
    assert!(status().starts_with("Exited (5) "), "{}", status());
    let again = conex(test, &["start", "-a", "web"]);
    assert_eq!(again.status, 5, "{again:?}");
    conex(test, &["rm", "web"]).success();
    assert!(is_clean(test));
}
