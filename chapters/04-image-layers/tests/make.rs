//! A layer that is made of a directory is that directory again when it is applied, for any that a container can write.

#![forbid(unsafe_code)]

mod rig;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::{
        fs::{MetadataExt, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use conex_image::{Config, Layer, Limits, Manifest, Store};
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    test_runner::{Config as Trials, TestRunner},
};
use rig::{image_of, layers, look, names, same, store, text};
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags};
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("what_is_made_and_applied_is_the_same_for_any_tree", any_tree),
            Case::root("the_same_tree_gives_the_same_layer", deterministic),
            Case::root("gnu_tar_reads_what_is_made", gnu_tar).with(&["tar"]),
            Case::root("what_no_layer_can_hold_is_refused_or_left_out", refused),
            Case::user("a_user_s_files_are_those_of_root_in_the_layer", of_a_user),
        ],
        &[],
    )
}

#[derive(Clone, Debug)]
enum Kind {
    File(usize),
    Sparse(u64),
    Directory,
    Opaque,
    Symlink(usize),
    Fifo,
    Device(u32),
    Whiteout,
    /// Another name of one that is there already.
    Link(usize),
}

#[derive(Clone, Debug)]
struct Node {
    path: Vec<u8>,
    kind: Kind,
    mode: u32,
    owner: (u32, u32),
    mtime: (i64, i64),
    attribute: Vec<u8>,
}

fn nodes() -> impl Strategy<Value = Vec<Node>> {
    let kind = prop_oneof![
        (0_usize..70_000).prop_map(Kind::File),
        (0_u64..10_000_000).prop_map(Kind::Sparse),
        Just(Kind::Directory),
        Just(Kind::Opaque),
        (1_usize..200).prop_map(Kind::Symlink),
        Just(Kind::Fifo),
        (1_u32..300).prop_map(Kind::Device),
        Just(Kind::Whiteout),
        any::<usize>().prop_map(Kind::Link),
    ];
    let id = prop_oneof![0_u32..2000, Just(2_097_151), Just(2_097_152), Just(u32::MAX - 1)];
    let seconds = prop_oneof![0_i64..2_000_000_000, -5_000_000_000_i64..0, 8_589_934_590_i64..8_589_934_594];
    let nanos = prop_oneof![Just(0_i64), 0_i64..1_000_000_000];
    let node = (vec(0_u8..6, 1..4), kind, 0_u32..0o10000, (id.clone(), id), (seconds, nanos), vec(any::<u8>(), 0..40));
    let node =
        node.prop_map(|(path, kind, mode, owner, mtime, attribute)| Node { path, kind, mode, owner, mtime, attribute });
    vec(node, 0..40)
}

/// A few names, so that paths meet: plain, long, with a blank, with bytes that are no text.
fn path(parts: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;

    let name = |part: &u8| match part {
        0 => b"a".to_vec(),
        1 => b"long".repeat(30),
        2 => b"two words\n".to_vec(),
        3 => b"\xff\xfe".to_vec(),
        4 => b"x.wh.y".to_vec(),
        _ => b"b-".to_vec(),
    };
    parts.iter().map(name).map(|name| std::ffi::OsStr::from_bytes(&name).to_owned()).collect()
}

/// Makes what can be made of it, and takes the rest as not said.
fn build(root: &Path, nodes: &[Node]) {
    let mut made: BTreeMap<PathBuf, &Node> = BTreeMap::new();
    for node in nodes {
        let whole = root.join(path(&node.path));
        if whole.symlink_metadata().is_ok() || whole.parent().is_none_or(|parent| fs::create_dir_all(parent).is_err()) {
            continue;
        }
        let special = |kind, device| rustix::fs::mknodat(CWD, &whole, kind, Mode::empty(), device).expect("made");
        match &node.kind {
            Kind::File(length) => {
                fs::write(&whole, (0..*length).map(|at| (at % 251) as u8).collect::<Vec<_>>()).expect("made")
            }
            Kind::Sparse(length) => File::create(&whole).and_then(|file| file.set_len(*length)).expect("made"),
            Kind::Directory => fs::create_dir(&whole).expect("made"),
            Kind::Opaque => {
                fs::create_dir(&whole).expect("made");
                rustix::fs::setxattr(&whole, "trusted.overlay.opaque", b"y", XattrFlags::empty()).expect("marked");
            }
            Kind::Symlink(length) => symlink("t".repeat(*length), &whole).expect("made"),
            Kind::Fifo => special(FileType::Fifo, 0),
            Kind::Device(device) => special(FileType::BlockDevice, rustix::fs::makedev(*device, device * 7)),
            Kind::Whiteout => {
                special(FileType::CharacterDevice, 0);
                continue;
            }
            Kind::Link(at) => {
                let files: Vec<_> =
                    made.iter().filter(|(_, node)| !matches!(node.kind, Kind::Directory | Kind::Opaque)).collect();
                let Some((other, _)) = files.get(at % files.len().max(1)) else { continue };
                fs::hard_link(other, &whole).expect("linked");
                continue;
            }
        }
        made.insert(whole, node);
    }
    made.iter().rev().for_each(|(path, node)| dress(path, node));
}

fn dress(path: &Path, node: &Node) {
    let (uid, gid) = (Uid::from_raw(node.owner.0), Gid::from_raw(node.owner.1));
    rustix::fs::chownat(CWD, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW).expect("owned");
    let set = |key: &str, value: &[u8]| rustix::fs::lsetxattr(path, key, value, XattrFlags::empty()).expect("set");
    if matches!(node.kind, Kind::File(_) | Kind::Directory) && !node.attribute.is_empty() {
        set("user.note", &node.attribute);
    }
    if let Kind::File(length) = node.kind
        && length % 3 == 0
    {
        set("security.capability", &[1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0]);
    }
    if !matches!(node.kind, Kind::Symlink(_)) {
        rustix::fs::chmodat(CWD, path, Mode::from_raw_mode(node.mode), AtFlags::empty()).expect("mode");
    }
    let time = Timespec { tv_sec: node.mtime.0, tv_nsec: node.mtime.1 };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).expect("time");
}

fn apply(store: &Store, layer: Layer) -> PathBuf {
    let (manifest, config): (Manifest, Config) = image_of(store, vec![layer.blob], vec![layer.diff_id]);
    store.unpack(&manifest, &config, &Limits::default()).expect("unpacked").remove(0)
}

/// A whiteout is nothing but its being there.
fn seen(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut seen = look(root);
    seen.iter_mut().filter(|(path, _)| rig::is_whiteout(&root.join(path))).for_each(|(_, line)| *line = "gone".into());
    seen
}

fn any_tree(test: &TestHost) {
    let mut runner = TestRunner::new(Trials { cases: 60, failure_persistence: None, ..Trials::default() });
    let count = std::cell::Cell::new(0);
    let tried = runner.run(&nodes(), |nodes| {
        count.set(count.get() + 1);
        let (upper, store) = (test.directory(&format!("upper{}", count.get())), store(test, "s"));
        build(&upper, &nodes);
        let layer = apply(&store, store.make(&upper, &[]).expect("made"));
        same(&seen(&upper), &seen(&layer), "made and applied");
        fs::remove_dir_all(&upper).expect("removed");
        Ok(())
    });
    tried.unwrap_or_else(|error| panic!("{error}"));
}

fn tree(test: &TestHost, name: &str) -> PathBuf {
    let upper = test.directory(name);
    fs::create_dir_all(upper.join("d/e")).expect("made");
    for (path, content) in [("d/two", "two"), ("d/one", "one"), ("d.file", ""), ("d/e/x", "x")] {
        fs::write(upper.join(path), content).expect("made");
    }
    fs::hard_link(upper.join("d/two"), upper.join("link")).expect("linked");
    let time = Timespec { tv_sec: 7, tv_nsec: 5 };
    let times = Timestamps { last_access: time, last_modification: time };
    for path in ["d/two", "d/one", "d.file", "d/e/x", "d/e", "d", ""] {
        rustix::fs::utimensat(CWD, upper.join(path), &times, AtFlags::empty()).expect("time");
    }
    upper
}

/// Method: two trees, made in different places; and the digest, which no change of ours may change.
fn deterministic(test: &TestHost) {
    let store = store(test, "s");
    let (one, other) = (tree(test, "one"), tree(test, "other"));
    let layer = store.make(&one, &[]).expect("made");
    assert_eq!(layer, store.make(&other, &[]).expect("made"));
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut store.blob(&layer.blob).expect("there"), &mut bytes).expect("right");
    assert_eq!(bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], "no time and no name in the packing");
    // What is skipped is not there, and what lies below it neither.
    let layer = apply(&store, store.make(&one, &[Path::new("/d/e"), Path::new("link")]).expect("made"));
    assert_eq!(
        (names(&layer), names(&layer.join("d"))),
        (vec!["d".into(), "d.file".into()], vec!["one".into(), "two".into()])
    );
    assert_eq!(layer.join("d/two").metadata().expect("there").nlink(), 1);
}

fn gnu_tar(test: &TestHost) {
    let (upper, store) = (tree(test, "upper"), store(test, "s"));
    fs::write(upper.join("l".repeat(150)), "long").expect("made");
    let layer = store.make(&upper, &[]).expect("made");
    let blob = test.directory("s").join("images/blobs/sha256").join(layer.blob.digest.hex());
    let into = test.directory("into");
    let mut tar = Command::new("tar");
    let tar = tar.args(["--xattrs", "--numeric-owner", "-xpzf"]).arg(&blob).arg("-C").arg(&into);
    assert_eq!(test.run(tar).success(), "");
    same(&look(&upper), &look(&into), "as GNU tar reads it");
}

fn refused(test: &TestHost) {
    let store = store(test, "s");
    let upper = test.directory("upper");
    let socket = UnixListener::bind(upper.join("socket")).expect("bound");
    fs::write(upper.join("file"), "x").expect("made");
    let layer = apply(&store, store.make(&upper, &[]).expect("made"));
    assert_eq!(names(&layer), ["file"]);
    drop(socket);
    fs::write(upper.join(".wh.file"), "").expect("made");
    let error = store.make(&upper, &[]).expect_err("a mark's name").to_string();
    assert!(error.starts_with("put /.wh.file into a layer: in a layer its name means"), "{error}");
    fs::remove_file(upper.join(".wh.file")).expect("removed");
    fs::create_dir(upper.join("d")).expect("made");
    rustix::fs::setxattr(upper.join("d"), "trusted.overlay.redirect", b"/e", XattrFlags::empty()).expect("marked");
    let error = store.make(&upper, &[]).expect_err("a redirect").to_string();
    assert!(error.contains("it was renamed by redirect_dir=on"), "{error}");
    assert_eq!(names(&layers(test, "s")).len(), 1);
}

fn of_a_user(test: &TestHost) {
    let (upper, store) = (tree(test, "upper"), store(test, "s"));
    let layer = store.make(&upper, &[]).expect("made");
    let said = test.directory("s").join("images/blobs/sha256").join(layer.blob.digest.hex());
    let listed = test.run(Command::new("tar").args(["--numeric-owner", "-tvzf"]).arg(said)).success();
    assert!(listed.lines().count() > 5 && listed.lines().all(|line| line.contains(" 0/0 ")), "{listed}");
    assert_eq!(text(&apply(&store, layer).join("d/one")), "one");
}
