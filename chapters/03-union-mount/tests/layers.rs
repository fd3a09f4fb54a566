//! What a container does with its layers: it sees one root, writes what it likes, and the layers stay as they are.

#![forbid(unsafe_code)]

mod rig;

use std::{
    fs::{self, File},
    io::Read,
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use conex_kernel::Kernel;
use conex_namespaces::{Part, spawn};
use conex_overlay::{Access, Overlay, make_stub};
use rig::{Ids, all_ids, attributes, forget, host, id, layer, look, overlay, same, succeed, upper};
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("the_topmost_layer_is_seen_and_writes_reach_none_as_root", writes),
            Case::user("the_topmost_layer_is_seen_and_writes_reach_none_as_a_user", writes),
            Case::root("what_was_written_is_there_at_the_next_start_as_root", restart),
            Case::user("what_was_written_is_there_at_the_next_start_as_a_user", restart),
            Case::root("attributes_and_capabilities_survive_a_copy_up", attributes_survive)
                .with(&["setcap", "setfattr"]),
            Case::root("a_file_s_capability_works_in_the_container", capability_works).with(&["setcap"]),
            Case::root("the_root_directory_is_the_image_s", root_directory),
            Case::root("with_the_stub_nothing_is_made_in_the_upper_and_a_read_only_root_has_its_targets", stub),
            Case::root("the_stub_is_made_once_whoever_makes_it", stub_once),
            Case::root("a_view_shows_the_root_without_the_container", views),
            Case::user("a_user_s_view_is_refused_in_words", users_view),
            Case::root("ch03_lays_its_layers_over_the_root_and_leaves_nothing", ch03),
            Case::user("ch03_lays_its_layers_over_the_root_and_leaves_nothing_as_a_user", ch03),
            Case::root("a_dry_run_makes_nothing_and_its_script_makes_the_same_root", script)
                .with(&["unshare", "mount"]),
        ],
        &[env!("CARGO_BIN_EXE_ch03")],
    )
}

const MIDDLE: &[(&str, &str)] = &[
    ("data/kept", "kept"),
    ("data/removed", "removed"),
    ("data/changed", "middle"),
    ("was_file", "a file"),
    ("was_directory/inside", "inside"),
    ("old_name/deep/file", "deep"),
    ("linked/one", "shared"),
    ("opaque/hidden", "hidden"),
];
const TOP: &[(&str, &str)] = &[("data/changed", "top"), ("data/added", "added"), ("old_name/second", "second")];

/// Method: a script checks what it sees, changes everything in every way, and checks again; every layer is looked at
/// before and after.
fn writes(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let layers = [test.rootfs("base"), layer(test, "middle", MIDDLE), layer(test, "top", TOP)];
    fs::hard_link(layers[1].join("linked/one"), layers[1].join("linked/two")).expect("a link");
    let before = layers.each_ref().map(|layer| look(layer));
    let root = overlay(test, &layers);
    for ids in all_ids(&host) {
        succeed(&host, &root, *ids, SCRIPT);
        for (layer, before) in layers.iter().zip(&before) {
            same(before, &look(layer), &format!("{ids:?}: {} after the container", layer.display()));
        }
        forget(test);
    }
}

const SCRIPT: &str = r#"
is() { test "$(cat $1)" = "$2" || { echo "$1 holds $(cat $1), not $2" >&2; exit 1; }; }
is /data/changed top; is /data/kept kept; is /data/added added; is /old_name/second second; is /old_name/deep/file deep
rm /data/removed; test ! -e /data/removed
echo new > /data/changed; is /data/changed new
rm /was_file; mkdir /was_file; echo x > /was_file/inside; is /was_file/inside x
rm -r /was_directory; echo y > /was_directory; is /was_directory y
mv /old_name /new_name; test ! -e /old_name; is /new_name/deep/file deep; is /new_name/second second
ln /data/kept /data/link; echo both > /data/link; is /data/kept both
test "$(stat -c %h /data/kept)" = 2; echo again > /data/kept; is /data/link again
echo mine > /linked/one; is /linked/one mine
rm -r /opaque; mkdir /opaque; test -z "$(ls /opaque)"; echo z > /opaque/new; test "$(ls /opaque)" = new
chmod 700 /data; test "$(stat -c %a /data)" = 700
rm -r /bin/tty /usr
"#;

fn restart(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let layers = [test.rootfs("base"), layer(test, "middle", MIDDLE)];
    let root = overlay(test, &layers);
    for ids in all_ids(&host) {
        succeed(&host, &root, *ids, "echo written > /note; rm -r /data; mkdir /data; echo x > /data/x");
        succeed(&host, &root, *ids, "test $(cat /note) = written; test $(ls /data) = x; rm -r /data /note");
        succeed(&host, &root, *ids, "test ! -e /note; test ! -e /data");
        forget(test);
        // Nothing is written, and the root directory is another's all the same.
        succeed(&host, &root, *ids, "chmod 711 /");
        succeed(&host, &root, *ids, "test $(stat -c %a /) = 711; chmod 755 /");
        succeed(&host, &root, *ids, "test $(stat -c %a /) = 755");
        assert!(!upper(test).exists(), "{ids:?}: like the image's, so nothing is kept");
    }
}

/// Method: root gives a lower file attributes, and a capability that root of the container's map may use.
fn attributes_survive(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let layers = [test.rootfs("base"), layer(test, "top", &[("program", "x"), ("plain", "y")])];
    let program = layers[1].join("program");
    test.run(Command::new("setfattr").args(["-n", "user.note", "-v", "remembered"]).arg(&program)).success();
    test.run(Command::new("setfattr").args(["-n", "trusted.note", "-v", "ours"]).arg(&program)).success();
    let root = overlay(test, &layers);
    for ids in [Ids::Same, Ids::Host] {
        test.run(Command::new("setcap").arg("cap_net_raw+ep").arg(&program)).success();
        // Mode and time change: the whole file is copied up, and its data is not touched.
        succeed(&host, &root, ids, "touch -d @1000 /program");
        let (lower, copied) = (attributes(&program), attributes(&upper(test).join("program")));
        assert!(lower.contains_key("security.capability"), "{lower:?}");
        for (key, value) in &lower {
            assert_eq!(copied.get(key), Some(value), "{ids:?}: {key} of {copied:?}");
        }
        assert_eq!(upper(test).join("program").metadata().expect("copied").mtime(), 1000);
        forget(test);
    }
}

/// Method: an ordinary user of the container starts a copy of busybox that may use raw sockets, and it tells its rights.
fn capability_works(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let layers = [test.rootfs("base"), test.directory("top")];
    fs::set_permissions(layers[0].join("tmp"), std::os::unix::fs::PermissionsExt::from_mode(0o1777)).expect("open");
    let program = layers[1].join("dd");
    fs::copy(layers[0].join("bin/busybox"), &program).expect("copied");
    test.run(Command::new("setcap").arg("cap_net_raw+ep").arg(&program)).success();
    let root = overlay(test, &layers);
    let mut plan = rig::plan(&host, Ids::Host, &["/dd", "if=/proc/self/status", "of=/tmp/told"]);
    plan.user = conex_namespaces::User::parse("4242").expect("a user");
    let (id, parts): (_, [&dyn Part; 1]) = (id(), [&root]);
    spawn(&host, &id, &parts, plan).expect("spawned").start().expect("started").wait().expect("ended");
    let told = fs::read_to_string(upper(test).join("tmp/told")).expect("told");
    assert!(told.contains("CapEff:\t0000000000002000"), "{told}");
}

fn root_directory(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let layers = [test.rootfs("base"), test.directory("top")];
    std::os::unix::fs::chown(&layers[1], Some(7), Some(8)).expect("root may");
    fs::set_permissions(&layers[1], std::os::unix::fs::PermissionsExt::from_mode(0o555)).expect("a mode");
    for ids in all_ids(&host) {
        let told = "test $(stat -c %u:%g:%a /) = 7:8:555";
        succeed(&host, &overlay(test, &layers), *ids, told);
        let mut read_only = overlay(test, &layers);
        read_only.read_only = true;
        succeed(&host, &read_only, *ids, told);
        forget(test);
    }
}

fn stub(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let stub = test.root.join("stub");
    make_stub(&stub).expect("made");
    let before = look(&stub);
    // An image with nothing in it but a program.
    let image = test.directory("image");
    fs::create_dir(image.join("bin")).expect("a directory");
    fs::copy(test.rootfs("base").join("bin/busybox"), image.join("bin/sh")).expect("copied");
    for read_only in [false, true] {
        let root = Overlay { stub: Some(stub.clone()), read_only, ..overlay(test, std::slice::from_ref(&image)) };
        succeed(&host, &root, Ids::Host, "test -f /etc/hosts; test -e /proc/self; test -c /dev/null");
        assert_eq!(root.changes(&host, &id()).expect("read"), []);
        assert!(!upper(test).exists(), "nothing was written, so nothing is kept");
    }
    same(&before, &look(&stub), "the stub layer after two containers");
}

fn stub_once(test: &TestHost) {
    let stub = test.root.join("stub");
    let makers: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn({
                let stub = stub.clone();
                move || make_stub(&stub)
            })
        })
        .collect();
    makers.into_iter().for_each(|maker| maker.join().expect("no panic").expect("made, by whomever"));
    let names: Vec<_> = look(&test.root).into_keys().collect();
    let expected = [
        "",
        "stub",
        "stub/dev",
        "stub/etc",
        "stub/etc/hostname",
        "stub/etc/hosts",
        "stub/etc/resolv.conf",
        "stub/proc",
        "stub/sys",
    ];
    assert_eq!(names, expected.map(std::path::PathBuf::from));
}

fn read(view: &impl AsFd, path: &str) -> String {
    let opened = rustix::fs::openat(view, path, rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty());
    let mut text = String::new();
    File::from(opened.expect("it is seen")).read_to_string(&mut text).expect("text");
    text
}

fn views(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let layers = [test.rootfs("base"), layer(test, "middle", MIDDLE)];
    let root = overlay(test, &layers);
    let before = test.fingerprint();
    // Before it ever ran, with one layer and with two.
    for count in [1, 2] {
        let view = overlay(test, &layers[..count]).view(&host, &id(), Access::Read).expect("a view");
        assert!(read(&view, "etc/passwd").starts_with("root:"));
        let refused = rustix::fs::mkdirat(&view, "made", rustix::fs::Mode::RWXU).expect_err("read-only");
        assert_eq!(refused, rustix::io::Errno::ROFS);
        drop(view);
        before.assert_same(&test.fingerprint(), "after a view");
    }
    succeed(&host, &root, Ids::Host, "echo mine > /data/changed; rm /data/removed; rm -r /opaque; mkdir /opaque");
    let kept = test.fingerprint();
    let view = root.view(&host, &id(), Access::Read).expect("a view");
    assert_eq!((read(&view, "data/changed"), read(&view, "data/kept")), ("mine\n".into(), "kept".into()));
    let path = Path::new("/proc/self/fd").join(std::os::fd::AsRawFd::as_raw_fd(&view).to_string());
    assert!(
        !path.join("data/removed").exists() && path.join("opaque").is_dir() && !path.join("opaque/hidden").exists()
    );
    drop(view);
    kept.assert_same(&test.fingerprint(), "after a view of what was written");
    let view = root.view(&host, &id(), Access::Write).expect("a view");
    let new = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY;
    drop(rustix::fs::openat(&view, "from_outside", new, rustix::fs::Mode::RUSR).expect("it can be written to"));
    drop(view);
    succeed(&host, &root, Ids::Host, "test -e /from_outside");
}

fn users_view(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let layers = [test.rootfs("base"), layer(test, "middle", MIDDLE)];
    let error = overlay(test, &layers).view(&host, &id(), Access::Read).expect_err("a user may not");
    assert_eq!(error.errno(), Some(nix::libc::EPERM));
    assert!(error.hint.as_ref().expect("advice").contains("only root"), "{error:?}");
}

fn ch03(test: &TestHost) {
    let base = test.rootfs("base");
    let (middle, top) = (layer(test, "middle", MIDDLE), layer(test, "top", TOP));
    let temporary = test.directory("tmp");
    let before = [look(&base), look(&middle), look(&top)];
    let script = "cat /data/changed; rm -r /data /bin/tty; mkdir /data; chmod 0 /data; ls -d /data";
    let mut command = Command::new(test.program("ch03"));
    command.env("TMPDIR", &temporary).arg("run").arg("--layer").arg(&middle).arg("--layer").arg(&top);
    let told = test.run(command.arg(&base).args(["sh", "-c", script])).success();
    assert_eq!(told, "top/data\n");
    for (layer, before) in [&base, &middle, &top].into_iter().zip(&before) {
        same(before, &look(layer), "a layer after the container");
    }
    assert_eq!(look(&temporary).len(), 1, "{:?}", look(&temporary));
    // The root is of one piece: no layer twice.
    let mut twice = Command::new(test.program("ch03"));
    let output = test.run(twice.arg("run").arg("--layer").arg(&base).arg(&base).arg("true"));
    assert_eq!(output.status, 125);
    assert!(output.err.contains("are the same directory"), "{}", output.err);
}

fn script(test: &TestHost) {
    let (base, top) = (test.rootfs("base"), layer(test, "top", TOP));
    let temporary = test.directory("tmp");
    let run = |options: &[&str]| {
        let mut command = Command::new(test.program("ch03"));
        command.env("TMPDIR", &temporary).arg("run").args(options).args(["--map", "0:0:65536", "--hostname", "box"]);
        command.arg("--layer").arg(&top).arg(&base);
        test.run(command.args(["sh", "-c", "cat /data/changed; echo x > /data/added; cat /data/added; ls /"]))
    };
    let before = test.fingerprint();
    let dry = run(&["--dry-run", "--explain=sh"]);
    assert_eq!(dry.status, 0, "{}", dry.err);
    before.assert_same(&test.fingerprint(), "after a dry run");
    assert_eq!(look(&temporary).len(), 1);
    let lower = format!("lowerdir={}:{},upperdir=", top.display(), base.display());
    assert!(dry.err.contains(&lower), "{}", dry.err);
    let file = test.directory("script").join("script");
    fs::write(&file, &dry.err).expect("a file");
    let scripted = test.run(Command::new("sh").arg(&file));
    // A script leaves the cgroups that it made: these lie in the test host's own.
    let roots = [PathBuf::from("/sys/fs/cgroup")].into_iter();
    let trees = fs::read_dir("/sys/fs/cgroup").expect("trees").flatten().map(|tree| tree.path());
    for tree in roots.chain(trees) {
        for group in fs::read_dir(tree.join("conex")).into_iter().flatten().flatten() {
            let _ = fs::remove_dir(group.path());
        }
    }
    assert_eq!(scripted.out, run(&[]).success(), "{}", scripted.err);
}
