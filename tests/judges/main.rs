//! Docker, podman and skopeo beside conex, over one registry: what one of them pushes the others pull, see as the same
//! tree and run. Each runs aside, in the case's own test host.

#![forbid(unsafe_code)]

mod aside;
mod docker;
mod peer;
mod podman;
#[path = "../rig/mod.rs"]
mod rig;
#[path = "../registry/server.rs"]
#[allow(dead_code, reason = "the client's own tests use the rest")]
mod server;
#[path = "../../chapters/04-image-layers/tests/rig/tree.rs"]
mod tree;

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use conex_image::{ChainId, Digest, Store};
use rig::{conex, is_clean, roots};
use server::{Server, skopeo};
use testkit::{Case, TestHost, say};

use crate::{docker::Docker, peer::Peer, podman::Podman};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("docker_and_we_run_what_the_other_pushed", |test| exchange(test, &Docker::start(test)))
                .with(&["docker-registry", "dockerd", "docker", "unshare", "setcap", "setfattr"])
                .with_cgroups(),
            Case::root("podman_and_we_run_what_the_other_pushed", |test| exchange(test, &Podman::new(test)))
                .with(&["docker-registry", "podman", "runc", "unshare", "setcap", "setfattr"])
                .with_cgroups(),
            Case::root("we_run_what_skopeo_made_of_it", copied).with(&[
                "docker-registry",
                "skopeo",
                "setcap",
                "setfattr",
            ]),
        ],
        rig::PROGRAMS,
    )
}

const REGISTRY: &str = "127.0.0.1:5000";

fn online(test: &TestHost) -> Server {
    test.run(Command::new("busybox").args(["ip", "link", "set", "lo", "up"])).success();
    Server::start(test, REGISTRY)
}

fn at(name: &str) -> String {
    format!("{REGISTRY}/{name}")
}

/// One of everything that an image has; the working directory is its root.
const SPECIAL: &str = "
    mkdir -p srv/deep/er opt/old var/tmp run
    echo content > srv/file; echo old > opt/old/file; echo gone > opt/gone; : > srv/$(printf %180s | tr ' ' n)
    ln srv/file srv/deep/link; ln -s /srv/../srv/file srv/symlink
    mknod -m 620 srv/null c 1 3; mknod srv/loop b 7 300; mkfifo srv/fifo
    dd if=/dev/zero of=srv/sparse bs=1 count=0 seek=3000000 2>/dev/null
    cp bin/busybox srv/power; chown 3000000:12 srv/power; chmod 6755 srv/power; setcap cap_net_raw+ep srv/power
    setfattr -n user.note -v 0x610a6200 srv/file
    chmod 1777 var/tmp; chmod 2750 srv/deep; touch -h -d '2001-02-03 04:05:06.789' srv/symlink srv/fifo srv/deep";

/// What the container of the next layer does: something is changed, added, gone, and of another kind.
const CHANGE: &str = "
    rm -r /opt/old; mkdir /opt/old; echo new > /opt/old/new; rm /srv/symlink; mkdir /srv/symlink; rmdir /var/tmp
    echo file > /var/tmp; rm /opt/gone; chown 7:8 /srv/file; echo $((6 * 7)) > /srv/answer";

/// What every container of it must say.
const ASK: &str = "cat /srv/answer /opt/old/* /srv/deep/link; stat -c '%n %a %u:%g %F' /srv/*; ls /opt; id -u";

/// An image of two layers, pushed.
fn push_ours(test: &TestHost) -> String {
    let root = test.rootfs("rootfs");
    test.run(Command::new("sh").args(["-ec", SPECIAL]).current_dir(&root)).success();
    let archive = test.directory("files").join("root.tar");
    let mut tar = Command::new("tar");
    tar.args(["--xattrs", "--xattrs-include=*", "--format=posix", "-cf"]).arg(&archive).arg("-C").arg(&root).arg(".");
    test.run(&mut tar).success();
    conex(test, &["import", archive.to_str().expect("text"), "base"]).success();
    conex(test, &["run", "--name", "cc", "--network", "none", "base", "sh", "-ec", CHANGE]).success();
    let name = at("ours");
    conex(test, &["commit", "-c", "ENV FROM=conex", "-c", "CMD [\"sh\", \"-c\", \"echo $FROM\"]", "cc", &name])
        .success();
    conex(test, &["rm", "cc"]).success();
    conex(test, &["push", "-q", &name]).success();
    name
}

fn ask_us(test: &TestHost, image: &str, words: &[&str]) -> String {
    conex(test, &[&["run", "--rm", "--network", "none", image], words].concat()).success()
}

/// The directories of an image of ours, the lowest layer first.
fn layers(test: &TestHost, image: &str) -> Vec<PathBuf> {
    let inspected = conex(test, &["image", "inspect", image]).success();
    let inspected: serde_json::Value = serde_json::from_str(&inspected).expect("JSON");
    let diff_ids = inspected[0]["RootFS"]["Layers"].as_array().expect("layers").iter();
    let diff_ids: Vec<Digest> =
        diff_ids.map(|id| id.as_str().and_then(|id| id.parse().ok()).expect("a digest")).collect();
    let root = roots(test).0;
    let store = Store::open(&root.join("images"), &root.join("layers")).expect("a store");
    ChainId::of(&diff_ids).iter().map(|id| store.layer(id)).collect()
}

fn forget(test: &TestHost) {
    conex(test, &["image", "prune", "-a"]).success();
}

#[track_caller]
fn same_trees(test: &TestHost, ours: &str, theirs: &[PathBuf], what: &str) {
    let mut seen = Vec::new();
    for layers in [layers(test, ours), theirs.to_owned()] {
        tree::overlaid(test, &layers, |merged| seen.push(tree::seen(merged)));
    }
    // Layers that change the root's own entries need not tell of the root, whose time is then anybody's.
    seen.iter_mut().for_each(|seen| drop(seen.remove(Path::new(""))));
    tree::same(&seen[0], &seen[1], what);
    say(&format!("  {what}: {} files are the same", seen[0].len()));
}

/// Method: ours to the peer, whose container changes it, and back.
fn exchange(test: &TestHost, peer: &dyn Peer) {
    let _server = online(test);
    let name = push_ours(test);
    peer.pull(&name);
    assert_eq!(peer.run(&name, &[]), "conex\n");
    assert_eq!(peer.run(&name, &["sh", "-c", ASK]), ask_us(test, &name, &["sh", "-c", ASK]));
    same_trees(test, &name, &peer.layers(&name), "what we pushed");

    let back = at("theirs");
    peer.commit(&name, "echo more > /srv/more; rm -r /opt/old; chmod 4711 /srv/answer", &back);
    let told = peer.run(&back, &["cat", "/srv/more"]);
    peer.push(&back);
    forget(test);
    conex(test, &["pull", "-q", &back]).success();
    assert_eq!(ask_us(test, &back, &["cat", "/srv/more"]), told);
    same_trees(test, &back, &peer.layers(&back), "what it pushed");
    assert!(is_clean(test));
}

/// Method: the registry's image is copied in every form that there is, and each is pulled and run.
fn copied(test: &TestHost) {
    let _server = online(test);
    let name = push_ours(test);
    let told = ask_us(test, &name, &["sh", "-c", ASK]);
    let forms: [&[&str]; 3] = [
        &["--format", "v2s2"],
        &["--format", "oci", "--dest-compress", "--dest-compress-format", "zstd"],
        &["--format", "oci", "--dest-compress", "--dest-compress-format", "gzip", "--dest-compress-level", "9"],
    ];
    for (number, form) in forms.into_iter().enumerate() {
        let copy = at(&format!("copy{number}"));
        let (from, to) = (format!("docker://{name}"), format!("docker://{copy}"));
        skopeo(test, &[&["copy", "--src-tls-verify=false", "--dest-tls-verify=false"], form, &[&from, &to]].concat());
        forget(test);
        assert_eq!(ask_us(test, &copy, &["sh", "-c", ASK]), told, "{form:?}");
    }
    assert!(is_clean(test));
}
