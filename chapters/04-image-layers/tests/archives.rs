//! Archives of images: what others write is read, and what we write is read by others.

#![forbid(unsafe_code)]

mod rig;

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    process::{Command, ExitCode},
};

use conex_image::{Descriptor, Digest, Limits, Named, Platform, Store};
use rig::{CONFIG, LAYER, MANIFEST, Tape, image, layers, names, put, store, text};
use tar::EntryType;
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::user("an_archive_of_docker_s_is_read_however_it_is_packed", docker),
            Case::user("an_old_archive_with_links_between_layers_is_read", links),
            Case::user("an_oci_layout_keeps_its_digests_and_names", layout),
            Case::user("what_is_saved_is_loaded_again_the_same", again),
            Case::user("an_archive_that_lacks_or_lies_is_refused", refused),
            Case::root("skopeo_writes_what_we_read_and_reads_what_we_write", skopeo).with(&["skopeo"]),
        ],
        &[],
    )
}

fn top_of(name: &str) -> Vec<u8> {
    Tape::default().file(name, name).end()
}

fn config(layers: &[Vec<u8>]) -> String {
    let diff_ids: Vec<String> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
    let platform = Platform::here();
    serde_json::json!({"architecture": platform.architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}})
        .to_string()
}

fn load(store: &Store, archive: &[u8]) -> Vec<Named> {
    store.load(archive, &Limits::default()).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn expect_layers(test: &TestHost, place: &str, image: &Named, files: &[&str]) {
    let store = store(test, place);
    let (manifest, config) = store.image(&image.manifest, &Platform::here()).expect("an image");
    let paths = store.unpack(&manifest, &config, &Limits::default()).expect("unpacked");
    assert_eq!(paths.len(), files.len());
    paths.iter().zip(files).for_each(|(path, file)| assert_eq!(text(&path.join(file)), *file));
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).and_then(|()| encoder.finish()).expect("packed")
}

fn bytes(tape: Tape, name: &str, content: &[u8]) -> Tape {
    tape.entry(EntryType::Regular, name, "", content)
}

/// Method: the layers plain and packed, the archive plain and packed, its list at the end as docker has it.
fn docker(test: &TestHost) {
    let stack = [top_of("a"), top_of("b")];
    let list = r#"[{"Config":"c.json","RepoTags":["web:1","web:latest"],"Layers":["1/layer.tar","./2.tar.gz"]},
        {"Config":"c.json","RepoTags":null,"Layers":["1/layer.tar","2.tar.gz"]}]"#;
    let tape =
        bytes(Tape::default().directory("1/").file("1/VERSION", "1.0").file("1/json", "{}"), "1/layer.tar", &stack[0]);
    let tape = bytes(tape, "2.tar.gz", &gzip(&stack[1])).file("c.json", &config(&stack)).file("repositories", "{}");
    let archive = tape.file("manifest.json", list).end();
    let packed = [archive.clone(), gzip(&archive), zstd::encode_all(&archive[..], 1).expect("packed")];
    for (at, archive) in packed.iter().enumerate() {
        let place = format!("s{at}");
        let images = load(&store(test, &place), archive);
        assert_eq!(images[0].names, ["web:1", "web:latest"]);
        assert!(images[1].names.is_empty() && images[0].manifest == images[1].manifest);
        expect_layers(test, &place, &images[0], &["a", "b"]);
        // Two layers, the config and the manifest: nothing else was taken in.
        assert_eq!(names(&test.directory(&place).join("images/blobs/sha256")).len(), 4);
    }
}

fn links(test: &TestHost) {
    let stack = [top_of("a"), top_of("a")];
    let list = r#"[{"Config":"c.json","RepoTags":["old:1"],"Layers":["1/layer.tar","2/layer.tar"]}]"#;
    let tape =
        bytes(Tape::default().directory("1/"), "1/layer.tar", &stack[0]).symlink("2/layer.tar", "../1/layer.tar");
    let archive = tape.file("c.json", &config(&stack)).file("manifest.json", list).end();
    let images = load(&store(test, "s"), &archive);
    expect_layers(test, "s", &images[0], &["a", "a"]);
    // A link out of the archive leads to nothing in it, and one to itself nowhere.
    for target in ["../../../etc/passwd", "/etc/passwd", "layer.tar"] {
        let tape = Tape::default().symlink("1/layer.tar", target).symlink("2/layer.tar", target);
        let archive = tape.file("c.json", &config(&stack)).file("manifest.json", list).end();
        let error = store(test, "s").load(&archive[..], &Limits::default()).expect_err(target).to_string();
        assert!(error.contains("1/layer.tar is not in the archive"), "{error}");
    }
}

fn layout_of(stack: &[Vec<u8>], annotations: &str) -> Tape {
    let blob =
        |tape: Tape, content: &[u8]| bytes(tape, &format!("blobs/sha256/{}", Digest::of(content).hex()), content);
    let config = config(stack);
    let of =
        |media_type: &str, content: &[u8]| serde_json::to_value(Descriptor::of(media_type, content)).expect("json");
    let all: Vec<_> = stack.iter().map(|layer| of(LAYER, layer)).collect();
    let manifest =
        serde_json::json!({"schemaVersion": 2, "odd": "kept", "config": of(CONFIG, config.as_bytes()), "layers": all});
    let manifest = manifest.to_string();
    let mut entry = of(MANIFEST, manifest.as_bytes());
    entry["annotations"] = serde_json::from_str(annotations).expect("json");
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [entry]});
    let tape = stack.iter().fold(Tape::default().file("oci-layout", "{}"), |tape, layer| blob(tape, layer));
    let tape = blob(blob(tape, config.as_bytes()), manifest.as_bytes());
    tape.file("index.json", &index.to_string())
}

fn layout(test: &TestHost) {
    let stack = [top_of("a"), top_of("b")];
    for (at, (annotations, name)) in [
        (r#"{"org.opencontainers.image.ref.name":"1"}"#, "1"),
        (
            r#"{"org.opencontainers.image.ref.name":"1","io.containerd.image.name":"docker.io/library/web:1"}"#,
            "docker.io/library/web:1",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let place = format!("s{at}");
        let images = load(&store(test, &place), &layout_of(&stack, annotations).end());
        assert_eq!(images[0].names, [name]);
        let manifest = store(test, &place).read(&images[0].manifest).expect("there");
        assert!(String::from_utf8_lossy(&manifest).contains("odd"), "its bytes are kept");
        expect_layers(test, &place, &images[0], &["a", "b"]);
    }
}

fn again(test: &TestHost) {
    let (from, into) = (store(test, "from"), store(test, "into"));
    let (manifest, _) = image(&from, &[top_of("a"), top_of("b")]);
    let manifest = put(&from, MANIFEST, &serde_json::to_vec(&manifest).expect("json"));
    let images = [Named { names: vec!["web:1".into(), "localhost:5000/web".into()], manifest }];
    let mut archive = Vec::new();
    from.save(&images, &mut archive).expect("saved");
    let mut twice = Vec::new();
    from.save(&images, &mut twice).expect("saved");
    assert!(archive == twice, "the same images give the same archive");
    assert_eq!(load(&into, &archive), images);
    expect_layers(test, "into", &images[0], &["a", "b"]);
    // Docker's older lists are enough.
    let old = entries_but(&archive, "index.json");
    let images = load(&store(test, "old"), &old);
    assert_eq!(images[0].names, ["web:1", "localhost:5000/web"]);
    expect_layers(test, "old", &images[0], &["a", "b"]);
    // A blob that changed is not written as if it had not.
    let blob = test.directory("from").join("images/blobs/sha256").join(Digest::of(&top_of("a")).hex());
    let mut changed = fs::read(&blob).expect("there");
    changed[513] ^= 1;
    fs::remove_file(&blob).and_then(|()| fs::write(&blob, changed)).expect("changed");
    let error = from.save(&images, std::io::sink()).expect_err("changed").to_string();
    assert!(error.contains("its content is sha256:"), "{error}");
}

fn entries_but(archive: &[u8], without: &str) -> Vec<u8> {
    let mut archive = tar::Archive::new(archive);
    let mut kept = tar::Builder::new(Vec::new());
    for entry in archive.entries().expect("entries") {
        let mut entry = entry.expect("an entry");
        if entry.path().expect("a name") != Path::new(without) {
            let header = entry.header().clone();
            kept.append(&header, &mut entry).expect("kept");
        }
    }
    kept.into_inner().expect("written")
}

fn refused(test: &TestHost) {
    let store = store(test, "s");
    let stack = [top_of("a")];
    let hex = Digest::of(&stack[0]);
    let lying = bytes(Tape::default(), &format!("blobs/sha256/{}", Digest::of(b"x").hex()), &stack[0]);
    let whole = layout_of(&stack, "{}").end();
    let lacking = entries_but(&whole, &format!("blobs/sha256/{}", hex.hex()));
    let list = |text: &str| Tape::default().file("manifest.json", text).end();
    let two = r#"{"schemaVersion":2,"manifests":[],"layers":[]}"#;
    let cases = [
        (Tape::default().file("a", "a").end(), "it has neither index.json nor manifest.json"),
        (vec![], "it has neither index.json nor manifest.json"),
        (b"something else".to_vec(), "it is cut off"),
        (lying.end(), "its content is sha256:"),
        (lacking, "is missing"),
        (whole[..2000].to_vec(), "it is cut off"),
        (gzip(&whole)[..400].to_vec(), "read the archive"),
        (list("[{}]"), "read manifest.json: missing field"),
        (list(r#"[{"Config":"c","Layers":[]}]"#), "c is not in the archive"),
        (Tape::default().file("../manifest.json", "").end(), "a name in it is .."),
        (Tape::default().file("index.json", two).end(), "both layers and manifests"),
    ];
    for (archive, why) in cases {
        let error = store.load(&archive[..], &Limits::default()).expect_err(why).to_string();
        assert!(error.contains(why), "{error} does not say {why}");
    }
    assert!(names(&layers(test, "s")).is_empty());
}

/// Method: our store, saved; each transport of skopeo's reads it and writes it; we read all of that.
fn skopeo(test: &TestHost) {
    let from = store(test, "from");
    let (manifest, _) = image(&from, &[top_of("a"), top_of("b")]);
    let manifest = put(&from, MANIFEST, &serde_json::to_vec(&manifest).expect("json"));
    let place = test.directory("archives");
    let ours = place.join("ours.tar");
    let images = [Named { names: vec!["docker.io/library/web:1".into()], manifest }];
    from.save(&images, File::create(&ours).expect("made")).expect("saved");
    for transport in ["oci-archive", "docker-archive"] {
        let source = format!("{transport}:{}", ours.display());
        for (at, into) in ["oci-archive", "docker-archive"].into_iter().enumerate() {
            let (name, archive) = (format!("{transport}{at}"), place.join(format!("{transport}{at}.tar")));
            let target = format!("{into}:{}:docker.io/library/web:2", archive.display());
            let mut command = Command::new("skopeo");
            let command = command.args(["--insecure-policy", "--tmpdir"]).arg(&place).args(["copy", &source, &target]);
            test.run(command).success();
            let loaded = load(&store(test, &name), &fs::read(&archive).expect("there"));
            assert!(loaded[0].names[0].ends_with("web:2"), "{:?}", loaded[0].names);
            expect_layers(test, &name, &loaded[0], &["a", "b"]);
        }
    }
}
