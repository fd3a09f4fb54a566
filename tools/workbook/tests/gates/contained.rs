//! Solutions that do harm: they are ended in time, and nothing of them is left.

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use testkit::Fingerprint;

use crate::{learner::assert_same_machine, outcomes, tree::Tree};
use workbook::table::{self, Exercise};

const ID: &str = "namespaces.pivot";

const HANGS: &str = "
    let _ = (kernel, root);
    loop {
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
";

/// Every process of a shell starts two more, and so on.
const FORKS: &str = "
    let _ = (kernel, root);
    let bomb = \"bomb() { bomb conex-bomb | bomb conex-bomb & }; bomb; sleep 100\";
    let _ = std::process::Command::new(\"busybox\").args([\"sh\", \"-c\", bomb, \"conex-bomb\"]).status();
    Ok(())
";

const MOUNTS: &str = "
    let _ = kernel;
    for _ in 0..100 {
        let flags = rustix::mount::MountFlags::empty();
        let _ = rustix::mount::mount(\"left\", root.path, \"tmpfs\", flags, None);
    }
    Ok(())
";

const FILLS: &str = "
    let _ = (kernel, root);
    let mut kept = Vec::new();
    loop {
        kept.push(vec![1_u8; 1 << 20]);
    }
";

const PRINTS: &str = "
    let _ = (kernel, root);
    loop {
        std::println!(\"again and again\");
    }
";

const BODIES: [(&str, &str); 5] =
    [("hangs", HANGS), ("forks", FORKS), ("fills", FILLS), ("prints", PRINTS), ("mounts", MOUNTS)];

/// Method: bodies that hang, fork, fill memory or print without end, or mount without unmounting, stand in an exercise's
/// place.
pub(crate) fn leaves_nothing(tree: &Tree) {
    let exercise = pivot(tree);
    let before = Fingerprint::take(&[]);
    for (name, body) in BODIES {
        tree.write(&exercise, body);
        let built =
            tree.cargo(&["test", "--quiet", "--package", "conex-namespaces", "--test", "exercises", "--no-run"]);
        assert_eq!(built.status, 0, "{}", built.err);
        let started = Instant::now();
        let said = tree.workbook(&["check", "--json", ID]);
        let took = started.elapsed();
        let checks = outcomes(&said);
        assert!(checks.iter().all(|one| one.holds == Some(false)), "{name}: {}", said.out);
        assert_eq!(said.status, 1, "{name}: {}", said.err);
        let hung = |one: &crate::Outcome| one.reason.as_deref() == Some("still running after 5 s");
        assert!(checks.iter().any(hung) || !["hangs", "prints"].contains(&name), "{name}: {}", said.out);
        // Five seconds for each of its checks, and what cargo takes.
        assert!(took < Duration::from_secs(30), "{name}: red after {took:?}");
        assert_eq!(processes("conex-bomb"), Vec::<String>::new(), "{name}");
        assert_same_machine(&before);
    }
}

/// Method: SIGKILL for the tool while a check of a solution that hangs is under way.
pub(crate) fn ended_by_reset(tree: &Tree) {
    let exercise = pivot(tree);
    tree.write(&exercise, HANGS);
    let mut check = tree.command(&tree.tool()).args(["check", ID]).stdout(Stdio::null()).spawn().expect("started");
    let ledger = tree.root.join(".git/workbook/ledger");
    let entered = || fs::read_to_string(&ledger).is_ok_and(|text| text.starts_with("process "));
    wait_for("the check is in the ledger", entered);
    check.kill().and_then(|()| check.wait()).expect("killed");
    let checker = format!("{ID}:");
    assert!(!processes(&checker).is_empty(), "it is not the tool that the checks live by");
    let reset = tree.workbook(&["reset", ID]);
    assert_eq!(reset.status, 0, "{}", reset.err);
    // The hosts of the checks die with it, and their processes a moment later.
    wait_for("nothing of the checks is left", || processes(&checker).is_empty());
    assert_eq!(fs::read_to_string(&ledger).expect("a ledger"), "");
}

fn pivot(tree: &Tree) -> Exercise {
    table::chosen(&tree.root, ID).expect("it is listed").remove(0)
}

/// Building comes first, so this waits longer than the tests of the engine do.
fn wait_for(claim: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !condition() {
        assert!(Instant::now() < deadline, "still not so: {claim}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The processes whose command line holds a word.
fn processes(word: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let lines = entries.filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok());
    let lines = lines.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "));
    lines.filter(|line| line.contains(word)).collect()
}
