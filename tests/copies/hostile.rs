//! Containers that would like to get out by a copy.

use std::{
    fs::{self, File},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    process::{Command, Stdio},
};

use testkit::{TestHost, wait_until};

use crate::{
    place,
    rig::{begin, command, conex, image, is_clean},
    text,
};

pub(crate) fn links(test: &TestHost) {
    image(test);
    let secret = place(test).join("secret");
    fs::write(&secret, "host\n").expect("written");
    let script = format!(
        "ln -s {secret} /link; ln -s {place} /dir; ln -s ../../../../../..{secret} /up; mkdir -p /d; ln -s {secret} /d/link; \
         ln -s /proc/1/root /proc-link; touch /done; sleep 1000",
        secret = secret.display(),
        place = place(test).display()
    );
    begin(test, &["--name", "web"], &script);
    wait_until("it has written", || conex(test, &["exec", "web", "busybox", "test", "-e", "/done"]).status == 0);
    let out = place(test).join("out");
    for path in ["web:/dir/secret", "web:/../../secret", "web:/proc-link/done"] {
        let got = conex(test, &["cp", path, text(&out)]);
        assert!(got.status == 1 && !out.exists(), "{path}: {got:?}");
    }
    for path in ["web:/link", "web:/up"] {
        let got = conex(test, &["cp", "-L", path, text(&out)]);
        assert!(got.status == 1 && !out.exists(), "{path}: {got:?}");
    }
    // Written through none either.
    let file = place(test).join("file");
    fs::write(&file, "container\n").expect("written");
    for path in ["web:/link", "web:/up", "web:/dir/secret", "web:/d/link"] {
        _ = conex(test, &["cp", text(&file), path]);
        assert_eq!(fs::read_to_string(&secret).expect("there"), "host\n", "{path}");
    }
    // A link of ours where a directory of the container goes.
    let into = place(test).join("into");
    fs::create_dir_all(into.join("elsewhere")).expect("made");
    symlink("elsewhere", into.join("d")).expect("linked");
    let got = conex(test, &["cp", "web:/d", text(&into)]);
    assert!(got.status == 1 && fs::read_dir(into.join("elsewhere")).expect("there").next().is_none(), "{got:?}");
    conex(test, &["rm", "-f", "web"]).success();
    assert!(is_clean(test));
}

pub(crate) fn races(test: &TestHost) {
    image(test);
    let target = place(test).join("target");
    fs::create_dir(&target).expect("made");
    let script = format!(
        "mkdir -p /a; echo inside > /a/file; while :; do mv /a /b; ln -s {0} /a; rm /a; mv /b /a; done",
        target.display()
    );
    begin(test, &["--name", "web"], &script);
    let from = place(test).join("from");
    fs::create_dir_all(from.join("sub")).expect("made");
    fs::write(from.join("sub/file"), "x\n").expect("written");
    let mut done = 0;
    for round in 0..300 {
        if round >= 30 && done > 0 {
            break;
        }
        // Each may fail, and none may come out.
        _ = conex(test, &["cp", text(&from.join("sub")), "web:/a"]);
        _ = conex(test, &["cp", &format!("{}/.", text(&from)), "web:/a"]);
        let out = place(test).join(format!("out{round}"));
        done += u32::from(conex(test, &["cp", "web:/a", text(&out)]).status == 0);
        assert_eq!(fs::read_dir(&target).expect("there").count(), 0, "something came out");
    }
    assert!(done > 0, "not one was done");
    assert_eq!(fs::metadata(&target).expect("there").mode() & 0o7777, 0o755);
    conex(test, &["rm", "-f", "web"]).success();
    assert!(is_clean(test));
}

pub(crate) fn trojans(test: &TestHost) {
    image(test);
    let ran = place(test).join("ran");
    // Names that engines once looked for by PATH, or that a C library loads.
    let script = format!(
        "for name in xz unpigz gzip tar sh ps; do mkdir -p /usr/bin; printf '#!/bin/busybox sh\\ntouch {0}\\n' > /usr/bin/$name; \
         chmod 755 /usr/bin/$name; done; mkdir -p /lib/x86_64-linux-gnu; echo junk > /lib/x86_64-linux-gnu/libnss_files.so.2; \
         echo nss > /etc/nsswitch.conf; touch /done; sleep 1000",
        ran.display()
    );
    begin(test, &["--name", "web"], &script);
    wait_until("it has written", || conex(test, &["exec", "web", "busybox", "test", "-e", "/done"]).status == 0);
    let packed = place(test).join("packed.tar.gz");
    let tar = Command::new("tar").args(["-czf", text(&packed), "-C", "/etc", "hostname"]).status().expect("tar");
    assert!(tar.success());
    let taken = command(test, &["cp", "-", "web:/tmp"]).stdin(File::open(&packed).expect("there")).status();
    assert!(taken.expect("run").success());
    let mut xz = Command::new("xz").stdin(File::open("/etc/hostname").expect("there")).stdout(Stdio::piped()).spawn();
    let unknown =
        command(test, &["cp", "-", "web:/tmp"]).stdin(xz.as_mut().expect("xz").stdout.take().expect("a pipe")).output();
    assert!(!unknown.expect("run").status.success(), "xz is refused, and nobody asked for it");
    _ = xz.expect("xz").wait();
    conex(test, &["top", "web"]).success();
    conex(test, &["export", "-o", text(&place(test).join("all")), "web"]).success();
    assert!(!ran.exists());
    conex(test, &["rm", "-f", "web"]).success();
    assert!(is_clean(test));
}

/// Method: a user of the container puts his own file in the place of root's setuid one, again and again.
pub(crate) fn rights(test: &TestHost) {
    image(test);
    begin(test, &["--name", "web"], "mkdir /u; chown 1000 /u; touch /done; sleep 1000");
    wait_until("he has a place", || conex(test, &["exec", "web", "busybox", "test", "-e", "/done"]).status == 0);
    let script = "echo mine > /u/mine; while :; do ln -f /u/mine /u/tool; done";
    conex(test, &["exec", "-d", "-u", "1000", "web", "busybox", "sh", "-c", script]).success();
    wait_until("he is at it", || conex(test, &["exec", "web", "busybox", "test", "-e", "/u/tool"]).status == 0);
    let tool = place(test).join("tool");
    fs::write(&tool, "root's\n").expect("written");
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o4755)).expect("set");
    for _ in 0..40 {
        _ = conex(test, &["cp", text(&tool), "web:/u/tool"]);
        let mine = conex(test, &["exec", "web", "busybox", "stat", "-c", "%u %a", "/u/mine"]).success();
        assert_eq!(mine, "1000 644\n");
    }
    // And nothing of his comes out with the rights of who copies it.
    conex(test, &["exec", "web", "busybox", "sh", "-c", "cp /u/mine /set; chown 1000 /set; chmod 6755 /set"]).success();
    let out = place(test).join("out");
    conex(test, &["cp", "web:/set", text(&out)]).success();
    assert_eq!(fs::metadata(&out).map(|out| (out.uid(), out.mode() & 0o7777)).expect("there"), (0, 0o755));
    conex(test, &["exec", "web", "busybox", "mknod", "/tmp/disk", "b", "8", "0"]).success();
    let refused = conex(test, &["cp", "web:/tmp/disk", text(&place(test).join("disk"))]);
    assert!(refused.status == 1 && refused.err.contains("it is a device"), "{refused:?}");
    conex(test, &["rm", "-f", "web"]).success();
    assert!(is_clean(test));
}
