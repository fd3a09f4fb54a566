//! What others make of the same image: umoci unpacks the layers that we unpack, and both trees are compared, file by file.

#![forbid(unsafe_code)]

mod rig;

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, ExitCode},
};

use conex_image::{Descriptor, Limits, Platform, Store};
use rig::{MANIFEST, image_of, overlaid, same, seen, store};
use rustix::fs::{CWD, FileType, Mode, XattrFlags};
use testkit::{Case, TestHost, say};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("umoci_unpacks_what_we_made_to_what_we_unpack", ours).with(&["umoci", "skopeo"]),
            Case::root("we_unpack_what_umoci_made_to_what_umoci_unpacks", theirs).with(&["umoci", "skopeo", "setcap"]),
        ],
        &[],
    )
}

/// One of everything that an image has.
fn special(root: &Path) {
    for directory in ["srv/deep/er", "opt/old", "var/tmp"] {
        fs::create_dir_all(root.join(directory)).expect("made");
    }
    fs::write(root.join("srv/file"), "content").expect("made");
    fs::write(root.join("srv").join("n".repeat(180)), "long").expect("made");
    fs::write(root.join("opt/old/file"), "old").expect("made");
    fs::hard_link(root.join("srv/file"), root.join("srv/deep/link")).expect("made");
    symlink("/srv/../srv/file", root.join("srv/symlink")).expect("made");
    let node = |name: &str, kind, device| {
        rustix::fs::mknodat(CWD, root.join(name), kind, Mode::from_raw_mode(0o620), device).expect("made");
    };
    node("dev/null", FileType::CharacterDevice, rustix::fs::makedev(1, 3));
    node("dev/loop", FileType::BlockDevice, rustix::fs::makedev(7, 300));
    node("srv/fifo", FileType::Fifo, 0);
    let mode = |name: &str, mode| rustix::fs::chmod(root.join(name), Mode::from_raw_mode(mode)).expect("mode");
    rustix::fs::setxattr(root.join("srv/file"), "user.note", b"a\nb\0c", XattrFlags::empty()).expect("set");
    let (uid, gid) = (rustix::fs::Uid::from_raw(3_000_000), rustix::fs::Gid::from_raw(12));
    rustix::fs::chownat(CWD, root.join("bin/busybox"), Some(uid), Some(gid), rustix::fs::AtFlags::empty())
        .expect("owned");
    mode("bin/busybox", 0o6755);
    mode("var/tmp", 0o1777);
    mode("srv/deep", 0o2750);
    fs::File::create(root.join("srv/sparse")).and_then(|file| file.set_len(3_000_000)).expect("made");
}

/// The second layer: something of each is changed, added and gone.
fn change(root: &Path) {
    fs::remove_dir_all(root.join("opt/old")).expect("removed");
    fs::create_dir(root.join("opt/old")).expect("made");
    fs::write(root.join("opt/old/new"), "new").expect("made");
    fs::remove_file(root.join("srv/symlink")).expect("removed");
    fs::create_dir(root.join("srv/symlink")).expect("made");
    fs::remove_dir(root.join("var/tmp")).expect("removed");
    fs::write(root.join("var/tmp"), "a file now").expect("made");
    fs::write(root.join("etc/motd"), "welcome").expect("made");
    fs::remove_file(root.join("etc/group")).expect("removed");
}

fn umoci(test: &TestHost, arguments: &[&str], layout: &str, more: &[&Path]) {
    let mut command = Command::new("umoci");
    test.run(command.args(arguments).args(["--image", layout]).args(more)).success();
}

fn write_index(test: &TestHost, name: &str, manifest: &Descriptor) -> String {
    let images = test.directory(name).join("images");
    let mut entry = serde_json::to_value(manifest).expect("json");
    entry["annotations"] = serde_json::json!({"org.opencontainers.image.ref.name": "1"});
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [entry]});
    fs::write(images.join("index.json"), index.to_string()).expect("written");
    format!("{}:1", images.display())
}

/// Method: two uppers that a container could have written, made into layers by us, unpacked by both.
fn ours(test: &TestHost) {
    let store = store(test, "s");
    let base = test.rootfs("base");
    special(&base);
    let upper = test.directory("upper");
    // As an overlay's upper after such changes.
    fs::create_dir_all(upper.join("opt/old")).and_then(|()| fs::write(upper.join("opt/old/new"), "new")).expect("made");
    rustix::fs::setxattr(upper.join("opt/old"), "trusted.overlay.opaque", b"y", XattrFlags::empty()).expect("marked");
    fs::create_dir_all(upper.join("etc")).and_then(|()| fs::create_dir_all(upper.join("srv"))).expect("made");
    for gone in ["etc/group", "srv/symlink"] {
        rustix::fs::mknodat(CWD, upper.join(gone), FileType::CharacterDevice, Mode::empty(), 0).expect("made");
    }
    let made = [store.make(&base, &[]).expect("made"), store.make(&upper, &[]).expect("made")];
    let (blobs, diff_ids) = made.into_iter().map(|layer| (layer.blob, layer.diff_id)).unzip();
    let (manifest, config) = image_of(&store, blobs, diff_ids);
    let named = rig::put(&store, MANIFEST, &serde_json::to_vec(&manifest).expect("json"));
    let layout = write_index(test, "s", &named);
    let bundle = test.directory("bundles").join("theirs");
    umoci(test, &["unpack"], &layout, &[&bundle]);
    let paths = store.unpack(&manifest, &config, &Limits::default()).expect("unpacked");
    overlaid(test, &paths, |merged| {
        let (ours, theirs) = (seen(merged), seen(&bundle.join("rootfs")));
        same(&ours, &theirs, "ours and umoci's");
        say(&format!("  {} files are the same", ours.len()));
    });
}

/// Method: umoci makes an image and repacks a changed bundle; skopeo copies it into our store's layout, packed as zstd.
fn theirs(test: &TestHost) {
    let layout = test.directory("layouts").join("image");
    let layout_text = layout.display().to_string();
    let tagged = format!("{layout_text}:1");
    test.run(Command::new("umoci").args(["init", "--layout", &layout_text])).success();
    umoci(test, &["new"], &tagged, &[]);
    let bundle = test.directory("bundles").join("one");
    umoci(test, &["unpack"], &tagged, &[&bundle]);
    let rootfs = bundle.join("rootfs");
    let small = test.rootfs("small");
    test.run(Command::new("cp").arg("-a").arg(small.join(".")).arg(&rootfs)).success();
    special(&rootfs);
    test.run(Command::new("setcap").arg("cap_net_raw+ep").arg(rootfs.join("srv/file"))).success();
    umoci(test, &["repack"], &tagged, &[&bundle]);
    let bundle = test.directory("bundles").join("two");
    umoci(test, &["unpack"], &tagged, &[&bundle]);
    change(&bundle.join("rootfs"));
    umoci(test, &["repack"], &tagged, &[&bundle]);
    let last = test.directory("bundles").join("three");
    umoci(test, &["unpack"], &tagged, &[&last]);
    for packed in ["gzip", "zstd"] {
        let store = copied(test, &tagged, packed);
        let index = fs::read(test.directory(packed).join("images/index.json")).expect("there");
        let index: serde_json::Value = serde_json::from_slice(&index).expect("json");
        let named: Descriptor = serde_json::from_value(index["manifests"][0].clone()).expect("an entry");
        let (manifest, config) = store.image(&named, &Platform::here()).expect("an image");
        assert_eq!(manifest.layers.len(), 2);
        assert!(manifest.layers.iter().all(|layer| layer.media_type.ends_with(packed)), "{:?}", manifest.layers);
        let paths = store.unpack(&manifest, &config, &Limits::default()).expect("unpacked");
        overlaid(test, &paths, |merged| {
            let (ours, theirs) = (seen(merged), seen(&last.join("rootfs")));
            same(&ours, &theirs, packed);
            say(&format!("  {packed}: {} files are the same", ours.len()));
        });
    }
}

fn copied(test: &TestHost, tagged: &str, packed: &str) -> Store {
    let store = store(test, packed);
    let into = format!("oci:{}:1", test.directory(packed).join("images").display());
    let mut command = Command::new("skopeo");
    let command = command.args(["--insecure-policy", "copy", "--dest-compress-format", packed, "--dest-compress"]);
    test.run(command.args([&format!("oci:{tagged}"), &into])).success();
    store
}
