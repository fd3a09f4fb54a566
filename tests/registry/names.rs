//! Names of images, beside docker's client, which reads them before it looks for its daemon.

use std::process::Command;

use conex::registry::Reference;
use testkit::TestHost;

/// Taken by docker as a path of the Hub that begins with no host, and then refused by the Hub.
const DIFFERENT: [&str; 2] = ["a_b.c/x", "x.y:99999999/z"];

pub(crate) fn docker(test: &TestHost) {
    let (long, hex) = ("a".repeat(300), "a".repeat(64));
    let plain = "debian localhost/x LOCALHOST/x Foo/x foo/X foo.Bar/x a/b/c:tag x:5000/y x:5000 a- a__b a___b a--b a---b \
        a.b a..b a_.b a._b a-_b x@sha256:abc x@ x: :x x:.t x:-t x:T_.-x x:a:b x//y /x x/ docker.io/x index.docker.io/x \
        docker.io/a/b docker.io docker.io/library/x library/x localhost [::1]:5000/x [::1]/x ::1/x [fe80::1%eth0]/x \
        1.2.3.4/x a.b:port/x a.b:/x localhost:/x a.-b/x a.b-/x a..b/x a.b./x A.b/x a-/x.y é é.x/y http://x/y x/y@z X \
        x/-y x/y- x/y_ x/_y -x.y/z x.y:5/z x.y:05/z [1.2.3.4]/x a/b.C/d a.b/c.d:5";
    let mut names: Vec<String> = plain.split(' ').map(str::to_owned).collect();
    names.extend(["", " x", "x ", "x y", "x\ty"].map(str::to_owned));
    names.extend([format!("x@sha256:{hex}"), format!("x:t@sha256:{hex}"), format!("x@sha256:{}", hex.to_uppercase())]);
    names.extend([hex.clone(), format!("{hex}a"), format!("{hex}:t"), format!("a/{hex}")]);
    for length in [247, 248, 255, 256] {
        names.extend([long[..length].to_owned(), format!("r.x/{}", &long[..length]), format!("x/{}", &long[..length])]);
    }
    names.extend([128, 129].map(|length| format!("x:{}", &long[..length])));
    let unlike: Vec<&String> = names.iter().filter(|name| ours(name) != theirs(test, name)).collect();
    assert!(unlike.is_empty(), "taken by one of us: {unlike:?}");
    for name in DIFFERENT {
        assert!(!ours(name) && theirs(test, name), "{name}: docker has changed its mind");
    }
}

fn ours(name: &str) -> bool {
    name.parse::<Reference>().is_ok()
}

fn theirs(test: &TestHost, name: &str) -> bool {
    let mut command = Command::new("docker");
    command.args(["pull", "--", name]).env("DOCKER_HOST", "unix:///nonexistent").env("HOME", "/nowhere");
    let err = test.run(&mut command).err;
    let taken = err.contains("Cannot connect to the Docker daemon");
    assert!(taken || err.contains("invalid") || err.contains("must"), "{name}: {err}");
    taken
}
