//! The power goes while containers are made, renamed and removed.

use std::{
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use testkit::TestHost;

use crate::rig::{entries, image, is_clean, roots};

const COPIES: u64 = 12;

/// Method: the state root is copied at random moments of a life; the run root and all processes are gone with the power.
/// From each copy the engine starts, and knows what was acknowledged before the copy began.
pub(crate) fn power(test: &TestHost) {
    image(test);
    let (root, _) = roots(test);
    let script = "while [ ! -e $1 ]; do
            $0 create --name one --network none box busybox true > /dev/null
            $0 start -a one
            $0 rename one two
            $0 rm two > /dev/null
        done";
    let enough = test.directory("files").join("enough");
    let (roots, run_root) = roots(test);
    let mut life = Command::new("sh");
    life.args(["-ec", script])
        .arg(test.program("conex"))
        .arg(&enough)
        .env("CONEX_ROOT", roots)
        .env("CONEX_RUN_ROOT", run_root);
    let mut life = life.spawn().expect("started");
    let mut copies = 0;
    while life.try_wait().expect("asked").is_none() {
        let copy = test.root.join("copy");
        // What vanishes while it is copied is told by cp, and is as if it had never been there.
        let _ = Command::new("cp").args(["-a"]).arg(&root).arg(&copy).stderr(Stdio::null()).status();
        let after = |words: &[&str]| {
            let mut conex = Command::new(test.program("conex"));
            conex.args(["--root"]).arg(&copy).arg("--run-root").arg(test.run_root.join("other")).args(words);
            test.run(&mut conex)
        };
        let list = after(&["ps", "-a", "--format", "{{.ID}} {{.State}}"]).success();
        assert!(list.lines().count() <= 1 && !list.contains("running"), "{list}");
        for id in list.lines().filter_map(|line| line.split(' ').next()) {
            after(&["rm", "-f", id]).success();
        }
        // Both names are free again, and the image is whole.
        for name in ["one", "two"] {
            after(&["run", "--rm", "--name", name, "--network", "none", "box", "busybox", "true"]).success();
        }
        assert!(entries(&copy.join("containers")).is_empty() && entries(&copy.join("names")).is_empty());
        std::fs::remove_dir_all(&copy).expect("removed");
        copies += 1;
        if copies == COPIES {
            std::fs::write(&enough, "").expect("written");
        }
        thread::sleep(Duration::from_millis(7 * (copies % 5)));
    }
    assert!(copies >= COPIES && life.wait().expect("ended").success());
    assert!(is_clean(test));
}
