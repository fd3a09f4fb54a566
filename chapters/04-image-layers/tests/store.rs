//! The store: blobs and layers are there whole or not at all, whoever is interrupted and whoever else does the same.

#![forbid(unsafe_code)]

mod rig;

use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::MetadataExt,
    process::{Command, ExitCode},
    thread,
};

use conex_image::{ChainId, Descriptor, Digest, Document, Limits, Manifest, Platform};
use rig::{CONFIG, LAYER, MANIFEST, Tape, image, image_of, layers, look, names, put, same, store, text, unpack};
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::user("a_blob_is_there_once_all_of_it_is_right", ingest),
            Case::user("a_blob_goes_on_where_it_broke_off", resume),
            Case::user("a_blob_torn_by_a_crash_is_replaced", torn),
            Case::user("only_what_the_dead_were_making_is_swept", sweep),
            Case::user("a_document_is_given_back_byte_by_byte", documents),
            Case::user("an_index_is_read_for_this_machine", index),
            Case::root("layers_are_named_by_what_lies_below_them", chains),
            Case::root("twenty_who_unpack_the_same_get_the_same", races),
            Case::root("a_layer_that_is_there_is_not_read_again", reused),
            Case::user("a_wrong_layer_leaves_none_of_its_image", all_or_nothing),
            Case::root("skopeo_reads_our_layout", skopeo).with(&["skopeo"]),
        ],
        &[],
    )
}

fn blobs(test: &TestHost) -> Vec<String> {
    names(&test.directory("s").join("images/blobs/sha256"))
}

fn ingest(test: &TestHost) {
    let store = store(test, "s");
    let blob = Descriptor::of(LAYER, b"content");
    let wrong = [(&b"string"[..], "has only 6 bytes, not 7"), (b"kontent", "its content is"), (b"", "only 0 bytes")];
    for (bytes, why) in wrong {
        let mut ingest = store.ingest(&blob).expect("begun");
        ingest.write_all(bytes).expect("written");
        let error = ingest.finish().expect_err(why).to_string();
        assert!(error.contains(why), "{error}");
    }
    let error = store.ingest(&blob).expect("begun").write_all(b"content!").expect_err("more").to_string();
    assert!(error.contains("at least 8 bytes, not 7"), "{error}");
    assert!(blobs(test).is_empty() && !store.has(&blob), "nothing is left");
    let mut ingest = store.ingest(&blob).expect("begun");
    ingest.write_all(b"content").expect("written");
    assert!(blobs(test).is_empty(), "nobody sees it before its end");
    assert_eq!(ingest.finish().expect("right"), blob);
    assert_eq!(blobs(test), [blob.digest.hex()]);
    assert!(store.has(&blob));
    // Again, and without knowing its name.
    put(&store, LAYER, b"content");
    let mut unnamed = store.ingest_unnamed(LAYER).expect("begun");
    unnamed.write_all(b"content").expect("written");
    assert_eq!(unnamed.finish().expect("any"), blob);
    let mut read = String::new();
    store.blob(&blob).expect("there").read_to_string(&mut read).expect("right");
    assert_eq!(read, "content");
}

fn resume(test: &TestHost) {
    let store = store(test, "s");
    let blob = Descriptor::of(LAYER, b"content");
    let mut ingest = store.ingest(&blob).expect("begun");
    ingest.write_all(b"con").expect("written");
    assert_eq!(ingest.written(), 3);
    ingest.write_all(&b"content"[usize::try_from(ingest.written()).expect("small")..]).expect("written");
    ingest.finish().expect("right");
}

fn torn(test: &TestHost) {
    let store = store(test, "s");
    let blob = put(&store, LAYER, b"content");
    fs::write(test.directory("s").join("images/blobs/sha256").join(blob.digest.hex()), "").expect("torn");
    assert!(!store.has(&blob));
    put(&store, LAYER, b"content");
    assert!(store.has(&blob));
}

/// Method: a process that ended, and one that lives and has no more than its number in common.
fn sweep(test: &TestHost) {
    let store = store(test, "s");
    let mut child = Command::new("true").spawn().expect("started");
    child.wait().expect("ended");
    let place = test.directory("s");
    let dead = format!(".making-{}-1-0", child.id());
    let other = format!(".making-{}-1-0", std::process::id());
    for directory in ["images", "images/blobs/sha256", "layers"] {
        for name in [&dead, &other] {
            fs::create_dir_all(place.join(directory).join(name).join("a/b/c")).expect("made");
        }
    }
    let mut ingest = store.ingest_unnamed(LAYER).expect("begun");
    ingest.write_all(b"content").expect("written");
    store.sweep().expect("swept");
    assert_eq!(names(&place.join("images")), ["blobs", "oci-layout"]);
    assert!(blobs(test).is_empty() && names(&place.join("layers")).is_empty());
    ingest.finish().expect("it was not disturbed");
}

fn documents(test: &TestHost) {
    let store = store(test, "s");
    let odd = br#"{ "rootfs":{"diff_ids":[],"type":"layers"},"os":"linux", "zzz":1,"architecture":"amd64"}"#;
    let config = put(&store, CONFIG, odd);
    assert_eq!(store.read(&config).expect("there"), odd);
    let manifest = put(&store, MANIFEST, &serde_json::to_vec(&Manifest::new(config, vec![])).expect("json"));
    let (_, config) = store.image(&manifest, &Platform::here()).expect("an image");
    assert_eq!(config.rest["zzz"], 1);
    let error = store.read(&Descriptor { size: 5 << 20, ..manifest.clone() }).expect_err("large").to_string();
    assert!(error.contains("4194304 are accepted"), "{error}");
    let error = store.read(&Descriptor { digest: Digest::of(b"none"), ..manifest }).expect_err("none").to_string();
    assert!(error.starts_with("open blob sha256:") && error.ends_with("ENOENT (No such file or directory)"), "{error}");
}

fn index(test: &TestHost) {
    let store = store(test, "s");
    let of = |text: &str| {
        put(&store, CONFIG, format!(r#"{{"architecture":"{text}","os":"linux","rootfs":{{}}}}"#).as_bytes())
    };
    let entry = |architecture: &str| {
        let manifest = Manifest::new(of(architecture), vec![]);
        let manifest = put(&store, MANIFEST, &serde_json::to_vec(&manifest).expect("json"));
        let platform = Platform { architecture: architecture.into(), ..Platform::here() };
        Descriptor { platform: Some(platform), ..manifest }
    };
    let entries = serde_json::to_string(&[entry("mips"), entry(&Platform::here().architecture)]).expect("json");
    let media_type = "application/vnd.docker.distribution.manifest.list.v2+json";
    let index = put(&store, media_type, format!(r#"{{"schemaVersion":2,"manifests":{entries}}}"#).as_bytes());
    let (_, config) = store.image(&index, &Platform::here()).expect("an image");
    assert_eq!(config.architecture, Platform::here().architecture);
    let error =
        store.image(&index, &Platform { os: "plan9".into(), ..Platform::here() }).expect_err("none").to_string();
    assert!(error.contains("it has nothing for plan9/"), "{error}");
    assert!(matches!(Document::parse(media_type, &store.read(&index).expect("there")), Ok(Document::Index(_))));
}

/// Method: one diff id over two parents, and it depends on its parent what it is unpacked to.
fn chains(test: &TestHost) {
    let store = store(test, "s");
    let base = |mode: u32, content: &str| {
        let tape = Tape::default().header(tar::EntryType::Directory, "d", b"", |header| header.set_mode(mode));
        tape.file("d/file", content).end()
    };
    let top = Tape::default().file("d/new", "").hard_link("link", "d/file").end();
    let one = unpack(&store, &[base(0o700, "one"), top.clone()]).expect("unpacked");
    let two = unpack(&store, &[base(0o711, "two"), top.clone()]).expect("unpacked");
    for (paths, mode, content) in [(&one, 0o700, "one"), (&two, 0o711, "two")] {
        assert_eq!(paths[1].join("d").metadata().expect("there").mode() & 0o777, mode);
        assert_eq!(text(&paths[1].join("link")), content);
    }
    let chain = ChainId::of(&[Digest::of(&base(0o700, "one")), Digest::of(&top)]);
    let expected: Vec<_> = chain.iter().map(|id| layers(test, "s").join(id.hex())).collect();
    assert_eq!(one, expected);
    assert_eq!(names(&layers(test, "s")).len(), 4);
    // A layer over itself is another.
    assert_eq!(unpack(&store, &[top_of("a"), top_of("a"), top_of("a")]).expect("unpacked").len(), 3);
    assert_eq!(names(&layers(test, "s")).len(), 7);
}

fn top_of(name: &str) -> Vec<u8> {
    Tape::default().file(name, name).end()
}

fn races(test: &TestHost) {
    let stack: Vec<_> = (0..6)
        .map(|at| (0..40).fold(Tape::default(), |tape, file| tape.file(&format!("d{at}/{file}"), "x")).end())
        .collect();
    let (manifest, config) = image(&store(test, "s"), &stack);
    let all = thread::scope(|scope| {
        let one = || store(test, "s").unpack(&manifest, &config, &Limits::default()).expect("unpacked");
        let all: Vec<_> = (0..20).map(|_| scope.spawn(one)).collect();
        all.into_iter().map(|one| one.join().expect("no panic")).collect::<Vec<_>>()
    });
    assert!(all.iter().all(|paths| *paths == all[0]));
    assert_eq!(names(&layers(test, "s")).len(), 6, "{:?}", names(&layers(test, "s")));
    let alone = store(test, "alone");
    let (manifest, config) = image(&alone, &stack);
    let alone = alone.unpack(&manifest, &config, &Limits::default()).expect("unpacked");
    all[0].iter().zip(&alone).for_each(|(one, other)| same(&look(one), &look(other), "a layer"));
}

fn reused(test: &TestHost) {
    let store = store(test, "s");
    let (manifest, config) = image(&store, &[top_of("a"), top_of("b")]);
    let paths = store.unpack(&manifest, &config, &Limits::default()).expect("unpacked");
    fs::remove_dir_all(test.directory("s").join("images/blobs")).expect("removed");
    assert_eq!(store.unpack(&manifest, &config, &Limits::default()).expect("all there"), paths);
}

fn all_or_nothing(test: &TestHost) {
    let store = store(test, "s");
    let blobs = vec![put(&store, LAYER, &top_of("a")), put(&store, LAYER, &top_of("b"))];
    let (manifest, config) = image_of(&store, blobs, vec![Digest::of(&top_of("a")), Digest::of(b"wrong")]);
    store.unpack(&manifest, &config, &Limits::default()).expect_err("a wrong diff id");
    assert!(names(&layers(test, "s")).is_empty());
    store.image(&manifest.config, &Platform::here()).expect_err("a config is no manifest");
}

fn skopeo(test: &TestHost) {
    let store = store(test, "s");
    let (manifest, _) = image(&store, &[top_of("a")]);
    let manifest = put(&store, MANIFEST, &serde_json::to_vec(&manifest).expect("json"));
    let images = test.directory("s").join("images");
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [manifest]});
    fs::write(images.join("index.json"), index.to_string()).expect("written");
    let layout = format!("oci:{}", images.display());
    let said = test.run(Command::new("skopeo").args(["inspect", "--raw", &layout])).success();
    assert_eq!(said.as_bytes(), store.read(&manifest).expect("there"));
    let copy = format!("oci:{}", test.directory("copy").display());
    test.run(Command::new("skopeo").args(["--insecure-policy", "copy", &layout, &copy])).success();
}
