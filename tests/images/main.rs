//! Images from end to end: to a registry and back, made of containers, in archives, removed; and whoever is killed
//! whenever.

#![forbid(unsafe_code)]

mod crash;
mod debian;
mod full;
mod outside;
mod removal;
#[path = "../rig/mod.rs"]
mod rig;
#[path = "../registry/server.rs"]
#[allow(dead_code, reason = "the client's own tests use the rest")]
mod server;
#[path = "../registry/tls.rs"]
mod tls;

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
};

use rig::{conex, entries, image, is_clean, roots};
use server::{Server, skopeo};
use testkit::{Case, Output, TestHost};

const REGISTRY: &str = "127.0.0.1:5000";
const TLS: &[&str] = &["docker-registry", "openssl", "htpasswd", "mount", "umount"];
const MIRRORS: &[&str] = &["docker-registry", "mount", "umount"];
const FULL: &[&str] = &["docker-registry", "mount", "umount", "tar"];

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("an_image_goes_to_a_registry_and_comes_back", tour).with(&["docker-registry", "skopeo"]),
            Case::root("an_image_that_shares_its_layers_brings_only_the_others", shared).with(&["docker-registry"]),
            Case::root("a_container_becomes_an_image", committed),
            Case::user("a_container_becomes_an_image_as_a_user", committed),
            Case::root("an_archive_has_what_was_saved", archives).with(&["skopeo", "tar"]),
            Case::root("a_layout_is_one_that_others_read", layout).with(&["skopeo"]),
            Case::root("an_image_is_removed_with_its_last_name_and_not_while_it_is_used", removal::while_used),
            Case::root("what_nobody_needs_gives_its_room_back", removal::pruned),
            Case::root("what_is_wrong_with_an_archive_is_said_and_nothing_is_left", removal::refused).with(&["tar"]),
            Case::root("run_pulls_what_is_missing_if_it_may", pulling).with(&["docker-registry"]),
            Case::root("the_image_says_what_its_containers_are_like", configured),
            Case::root("nothing_half_is_ever_used_whoever_is_killed_whenever", crash::killed)
                .with(&["docker-registry"]),
            Case::root("who_is_killed_while_he_commits_leaves_no_container_frozen", crash::killed_commit)
                .with_cgroups(),
            Case::root("who_interrupts_a_commit_is_heard_once_the_container_goes_on", crash::interrupted_commit)
                .with_cgroups(),
            Case::root("a_full_disk_is_said_once_and_nothing_half_is_left", full::all).with(FULL),
            Case::root("certificates_and_passwords_are_those_of_docker_s_files", outside::logins).with(TLS),
            Case::root("a_proxy_carries_what_it_can_not_read", outside::proxied).with(TLS),
            Case::root("a_mirror_is_asked_first_and_passed_over_when_it_is_down", outside::mirrors).with(MIRRORS),
            Case::root("a_whole_debian_goes_to_a_registry_and_comes_back", debian::tour)
                .with(&["docker-registry", "tar", "gzip"])
                .unless(debian::obstacle),
            Case::root("two_pulls_and_a_prune_at_once_harm_nobody", crash::at_once).with(&["docker-registry"]),
        ],
        rig::PROGRAMS,
    )
}

fn online(test: &TestHost) -> Server {
    test.run(Command::new("busybox").args(["ip", "link", "set", "lo", "up"])).success();
    Server::start(test, REGISTRY)
}

fn at(name: &str) -> String {
    format!("{REGISTRY}/{name}")
}

fn run(test: &TestHost, image: &str, words: &[&str]) -> Output {
    conex(test, &[&["run", "--rm", "--network", "none", image], words].concat())
}

/// Everything of images, gone: another machine would begin so.
fn forget(test: &TestHost) {
    conex(test, &["image", "prune", "-a"]).success();
    assert_eq!(blobs(test), Vec::<PathBuf>::new());
    assert_eq!(layers(test), Vec::<PathBuf>::new());
}

fn blobs(test: &TestHost) -> Vec<PathBuf> {
    entries(&roots(test).0.join("images/blobs/sha256"))
}

/// Without the stub.
fn layers(test: &TestHost) -> Vec<PathBuf> {
    let mut layers = entries(&roots(test).0.join("layers"));
    layers.retain(|path| !path.ends_with("stub-1"));
    layers
}

fn tour(test: &TestHost) {
    let _server = online(test);
    let name = at("tools/box");
    image(test);
    conex(test, &["tag", "box", &name]).success();
    let pushed = conex(test, &["push", &name]).success();
    let digest = pushed.split_whitespace().find(|word| word.starts_with("sha256:")).expect("a digest").to_owned();
    let inspected = skopeo(test, &["inspect", "--tls-verify=false", &format!("docker://{name}")]);
    assert!(inspected.contains(&digest), "{inspected}");
    forget(test);
    let pulled = conex(test, &["pull", &name]);
    assert_eq!(pulled.out, format!("Digest: {digest}\n{name}:latest\n"), "{}", pulled.err);
    assert!(pulled.err.ends_with(": complete\n"), "{}", pulled.err);
    assert_eq!(run(test, &name, &["busybox", "echo", "here"]).success(), "here\n");
    // By its digest, and again, when all is there.
    assert_eq!(conex(test, &["pull", "-q", &format!("{name}@{digest}")]).success(), format!("{name}@{digest}\n"));
    assert!(conex(test, &["pull", &name]).err.contains("already there"));
    assert_eq!(run(test, &format!("{name}@{digest}"), &["busybox", "echo", "here"]).success(), "here\n");
    let missing = conex(test, &["pull", &at("no/such"), &name]);
    assert_eq!((missing.status, missing.out.as_str()), (1, format!("Digest: {digest}\n{name}:latest\n").as_str()));
    assert!(missing.err.contains("no/such: it is not there"), "{}", missing.err);
    assert!(is_clean(test));
}

fn shared(test: &TestHost) {
    let _server = online(test);
    image(test);
    let (one, other) = (at("one"), at("other"));
    for name in [&one, &other] {
        conex(
            test,
            &["run", "--name", "cc", "--network", "none", "box", "busybox", "touch", &format!("/{}", name.len())],
        )
        .success();
        conex(test, &["commit", "cc", name]).success();
        conex(test, &["rm", "cc"]).success();
    }
    assert!(!conex(test, &["push", &one]).err.contains("mounted"));
    // Its lower layer lies in the other repository.
    let pushed = conex(test, &["push", &other]);
    assert!(pushed.status == 0 && pushed.err.lines().count() == 3, "{}", pushed.err);
    forget(test);
    conex(test, &["pull", &one]).success();
    let told = conex(test, &["pull", &other]).err;
    assert_eq!((told.matches("already there").count(), told.matches("complete").count()), (1, 1), "{told}");
    assert_eq!(layers(test).len(), 3);
}

fn committed(test: &TestHost) {
    image(test);
    let script = "echo new > /etc/passwd.new; rm /etc/group; mkdir /data; echo x > /data/y; chmod 700 /data";
    let words = ["run", "--name", "cc", "--network", "none", "-e", "A=1", "box", "busybox", "sh", "-c", script];
    conex(test, &words).success();
    let told = conex(test, &["diff", "cc"]).success();
    assert_eq!(told, "A /data\nA /data/y\nC /etc\nD /etc/group\nA /etc/passwd.new\n");
    let changes = ["-c", "ENV B=\"2 3\"", "-c", "CMD [\"busybox\", \"cat\", \"/data/y\"]", "-c", "USER 7"];
    let id = conex(test, &[&["commit", "-m", "why", "-a", "who"], &changes[..], &["cc", "made:1"]].concat()).success();
    conex(test, &["rm", "cc"]).success();
    let inspected = conex(test, &["image", "inspect", "made:1"]).success();
    let inspected: serde_json::Value = serde_json::from_str(&inspected).expect("JSON");
    assert_eq!(inspected[0]["Id"], id.trim());
    assert_eq!((&inspected[0]["Comment"], &inspected[0]["Author"]), (&"why".into(), &"who".into()));
    assert_eq!(inspected[0]["RootFS"]["Layers"].as_array().map(Vec::len), Some(2));
    let user = |words: &[&str]| conex(test, &[&["run", "--rm", "-u", "0", "--network", "none"], words].concat());
    assert_eq!(user(&["made:1"]).success(), "x\n");
    let script = "test ! -e /etc/group; stat -c %a /data; echo $A $B";
    assert_eq!(user(&["made:1", "busybox", "sh", "-c", script]).success(), "700\n1 2 3\n");
    let history = conex(test, &["history", "made:1"]).success();
    assert!(
        history.lines().count() == 3 && history.lines().nth(1).is_some_and(|line| line.contains("why")),
        "{history}"
    );
    // A root that is a directory of the user's has no image.
    let rootfs = test.rootfs("rootfs");
    conex(test, &["run", "--name", "dd", "--network", "none", "--rootfs", rootfs.to_str().expect("text"), "true"])
        .success();
    let refused = conex(test, &["commit", "dd"]);
    assert!(refused.status == 1 && refused.err.contains("not an image"), "{}", refused.err);
    conex(test, &["rm", "dd"]).success();
    assert!(is_clean(test));
}

fn archives(test: &TestHost) {
    image(test);
    conex(test, &["tag", "box", "two:x"]).success();
    let file = test.directory("files").join("saved.tar");
    let path = file.to_str().expect("text");
    conex(test, &["save", "-o", path, "box", "two:x"]).success();
    let listed = test.run(Command::new("tar").args(["-tf", path])).success();
    assert!(["manifest.json", "index.json", "oci-layout", "repositories"].iter().all(|name| listed.contains(name)));
    for source in [format!("docker-archive:{path}:box:latest"), format!("oci-archive:{path}:x")] {
        let tags = skopeo(test, &["inspect", &source]);
        assert!(tags.contains("\"Architecture\""), "{source}: {tags}");
    }
    forget(test);
    assert_eq!(conex(test, &["load", "-i", path]).success(), "Loaded image: box:latest\nLoaded image: two:x\n");
    assert_eq!(run(test, "two:x", &["busybox", "echo", "here"]).success(), "here\n");
    // From a pipe, and packed; and what skopeo makes of it.
    forget(test);
    test.run(Command::new("busybox").args(["gzip", path])).success();
    let (root, run_root) = roots(test);
    let mut load = Command::new("sh");
    load.env("CONEX_ROOT", root).env("CONEX_RUN_ROOT", run_root).args(["-c", "\"$0\" load -q < \"$1\""]);
    assert_eq!(test.run(load.arg(test.program("conex")).arg(format!("{path}.gz"))).success(), "");
    assert_eq!(run(test, "box", &["busybox", "echo", "here"]).success(), "here\n");
    let onto = conex(test, &["save", "-o", "/nowhere/x.tar", "box"]);
    assert!(onto.status == 1 && onto.err.contains("write /nowhere/x.tar: ENOENT"), "{}", onto.err);
    // A root's own archive.
    let rootfs = test.rootfs("rootfs");
    let tar = test.directory("files").join("root.tar");
    test.run(Command::new("tar").arg("-cf").arg(&tar).arg("-C").arg(&rootfs).arg(".")).success();
    let tar = tar.to_str().expect("text");
    conex(test, &["import", "-m", "mine", "-c", "CMD [\"echo\", \"imported\"]", tar, "mine"]).success();
    assert_eq!(run(test, "mine", &[]).success(), "imported\n");
    assert!(is_clean(test));
}

fn layout(test: &TestHost) {
    image(test);
    let images = roots(test).0.join("images");
    let told = skopeo(test, &["inspect", &format!("oci:{}:box:latest", images.display())]);
    assert!(told.contains("\"Os\": \"linux\""), "{told}");
}

fn pulling(test: &TestHost) {
    let _server = online(test);
    image(test);
    let name = at("box");
    conex(test, &["tag", "box", &name]).success();
    conex(test, &["push", "-q", &name]).success();
    forget(test);
    let of = |when: &str| {
        conex(test, &["run", "--rm", "--network", "none", "--pull", when, &name, "busybox", "echo", "here"])
    };
    let never = of("never");
    assert!(never.status == 125 && never.err.contains(&format!("there is no image {name}")), "{}", never.err);
    let missing = of("missing");
    assert!(missing.out == "here\n" && missing.err.contains("here: pulling it"), "{missing:?}");
    assert_eq!((of("missing").err.as_str(), of("never").out.as_str()), ("", "here\n"));
    assert!(of("always").err.contains("already there"));
    let other = conex(test, &["run", "--rm", "--platform", "linux/s390x", &at("bix"), "true"]);
    assert!(other.status == 125 && other.err.contains("did you mean"), "{}", other.err);
    assert!(is_clean(test));
}

fn configured(test: &TestHost) {
    image(test);
    conex(test, &["run", "--name", "cc", "--network", "none", "box", "busybox", "true"]).success();
    let lines = [
        "ENTRYPOINT [\"busybox\"]",
        "CMD [\"echo\", \"usual\"]",
        "ENV A=image B=image",
        "WORKDIR /tmp/made",
        "LABEL k=image",
    ];
    let changes: Vec<&str> = lines.iter().flat_map(|line| ["-c", line]).collect();
    conex(test, &[&["commit"], &changes[..], &["cc", "set"]].concat()).success();
    conex(test, &["rm", "cc"]).success();
    assert_eq!(run(test, "set", &[]).success(), "usual\n");
    assert_eq!(run(test, "set", &["pwd"]).success(), "/tmp/made\n");
    let flags = ["run", "--rm", "--network", "none", "-e", "B=mine", "set", "sh", "-c", "echo $A $B"];
    assert_eq!(conex(test, &flags).success(), "image mine\n");
    let entry = ["run", "--rm", "--network", "none", "--entrypoint", "/bin/busybox", "set", "echo", "mine"];
    assert_eq!(conex(test, &entry).success(), "mine\n");
}
