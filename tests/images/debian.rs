//! A whole distribution: Debian as debootstrap makes it, to a registry and back.

#[path = "../../benches/arena/debian.rs"]
mod made;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use testkit::{TestHost, say};

use super::{at, forget, layers, online, run};
use crate::rig::{conex, is_clean};

/// Where the benchmark has it, too: on a disk, and kept.
fn place() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench")
}

/// Makes the root outside of test hosts, where there is a network; why there is none, if so.
pub(crate) fn obstacle() -> Option<String> {
    let made = std::fs::create_dir_all(place()).and_then(|()| made::make(&place()));
    let reason = format!("needs a Debian root: {}", made.err()?);
    // CI skips it for no reason: it fails for want of the root.
    let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    if is_ci {
        say(&reason);
    }
    Some(reason).filter(|_| !is_ci)
}

pub(crate) fn tour(test: &TestHost) {
    let _server = online(test);
    let (name, archive) = (at("debian"), test.directory("files").join("debian.tar.gz"));
    let root = place().join("debian");
    let mut tar = Command::new("tar");
    // As in the image that is on the Hub: what apt fetched is no part of it.
    tar.args(["--exclude=./var/cache/apt/archives/*.deb", "--exclude=./var/lib/apt/lists/*_*"]);
    tar.args(["--use-compress-program=gzip -1", "--xattrs", "-cf"]).arg(&archive).arg("-C").arg(&root).arg(".");
    test.run(&mut tar).success();
    conex(test, &["import", archive.to_str().expect("text"), &name]).success();
    conex(test, &["push", "-q", &name]).success();
    forget(test);
    conex(test, &["pull", "-q", &name]).success();
    let told = run(test, &name, &["cat", "/etc/os-release"]).success();
    assert!(told.contains("ID=debian\n"), "{told}");
    let script =
        "dpkg --get-selections | grep -c install; test $(stat -c %a /usr/bin/passwd) = 4755; perl -e 'print 6 * 7'";
    let told = run(test, &name, &["bash", "-ec", script]).success();
    assert!(told.ends_with("\n42"), "{told}");
    let bytes: u64 = layers(test).iter().map(|layer| conex_image::size(layer).expect("measured")).sum();
    assert!(bytes > 100 << 20, "{bytes} bytes are no whole Debian");
    say(&format!("  {} MB", bytes >> 20));
    assert!(is_clean(test));
}
