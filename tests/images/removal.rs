//! What is removed, and what has to stay.

use std::fs;

use testkit::TestHost;

use super::{blobs, forget, layers};
use crate::rig::{conex, image, roots};

pub(crate) fn while_used(test: &TestHost) {
    image(test);
    conex(test, &["tag", "box", "also:1"]).success();
    let id = conex(test, &["images", "-q", "--no-trunc", "box"]).success().trim().to_owned();
    let refused = conex(test, &["rmi", &id]);
    assert!(refused.status == 1 && refused.err.contains("has 2 names"), "{}", refused.err);
    assert_eq!(conex(test, &["rmi", "also:1"]).success(), "Untagged: also:1\n");
    conex(test, &["run", "--name", "cc", "--network", "none", "box", "busybox", "true"]).success();
    for word in ["box", &id[7..19]] {
        let refused = conex(test, &["rmi", word]);
        assert!(refused.status == 1 && refused.err.contains("used by the stopped container"), "{}", refused.err);
    }
    // By force the name goes, and the container keeps what it needs.
    assert_eq!(conex(test, &["rmi", "-f", "box"]).success(), "Untagged: box:latest\n");
    assert!(conex(test, &["images"]).success().contains("<none>"));
    assert_eq!(conex(test, &["image", "prune", "-a"]).success(), "Total reclaimed space: 0B\n");
    conex(test, &["commit", "cc", "again"]).success();
    conex(test, &["rm", "cc"]).success();
    // Two images, and one layer that both have.
    assert_eq!(layers(test).len(), 2);
    conex(test, &["image", "prune"]).success();
    assert_eq!(layers(test).len(), 2, "the other image has it still");
    let removed = conex(test, &["rmi", "again", "no-such"]);
    assert!(removed.status == 1 && removed.out.starts_with("Untagged: again:latest\nDeleted: sha256:"), "{removed:?}");
    assert!(removed.err.contains("there is no image no-such"), "{}", removed.err);
    assert_eq!((layers(test).len(), blobs(test).len()), (0, 0));
}

pub(crate) fn pruned(test: &TestHost) {
    image(test);
    conex(test, &["image", "from-host", "box", "busybox", "sh"]).success();
    let dangling = conex(test, &["images", "-q", "-f", "dangling=true"]).success();
    assert_eq!(dangling.lines().count(), 1, "{dangling}");
    for filter in ["until=2001-01-01", "label=keep"] {
        let told = conex(test, &["image", "prune", "-a", "--filter", filter]).success();
        assert_eq!(told, "Total reclaimed space: 0B\n", "{filter}");
    }
    let refused = conex(test, &["image", "prune", "--filter", "name=x"]);
    assert!(refused.status == 1 && refused.err.contains("no filter of prune\nhint: until=24h, "), "{refused:?}");
    let told = conex(test, &["image", "prune", "--filter", "until=0s"]).success();
    assert!(told.starts_with("Deleted: sha256:") && told.contains("MB\n"), "{told}");
    // What the dead had begun goes, too.
    let (root, _) = roots(test);
    for left in ["layers/.making-4194305-1-0/x", "images/blobs/sha256/.making-4194305-1-1"] {
        fs::create_dir_all(root.join(left)).expect("made");
    }
    conex(test, &["image", "prune"]).success();
    assert_eq!(layers(test).len(), 1);
    assert_eq!(blobs(test).len(), 3);
    let wrong = conex(test, &["images", "-f", "colour=red"]);
    assert!(wrong.status == 1 && wrong.err.contains("is no filter"), "{}", wrong.err);
}

pub(crate) fn refused(test: &TestHost) {
    image(test);
    let directory = test.directory("files");
    let saved = directory.join("saved.tar");
    conex(test, &["save", "-o", saved.to_str().expect("text"), "box"]).success();
    let whole = fs::read(&saved).expect("saved");
    forget(test);
    let load = |bytes: &[u8]| {
        let file = directory.join("bad.tar");
        fs::write(&file, bytes).expect("written");
        let output = conex(test, &["load", "-i", file.to_str().expect("text")]);
        conex(test, &["image", "prune"]).success();
        assert_eq!((layers(test).len(), blobs(test).len()), (0, 0), "{output:?}");
        output
    };
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for (what, bytes) in [("cut off", &whole[..whole.len() / 2]), ("changed", &flipped), ("no archive", b"hello")] {
        let output = load(bytes);
        assert!(output.status == 1 && output.err.starts_with("error: "), "{what}: {output:?}");
        assert_eq!(output.err.lines().filter(|line| line.starts_with("error")).count(), 1, "{what}: {output:?}");
    }
    assert_eq!(conex(test, &["images", "-q"]).success(), "");
}
