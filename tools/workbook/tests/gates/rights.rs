//! Who runs what: cargo as the learner, and only what is built as root.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use crate::tree::{Tree, said};

/// Method: the variable that sudo sets.
pub(crate) fn refused_in_words(tree: &Tree) {
    let refused = said(tree.command(&tree.tool()).args(["run", "--", "version"]).env("SUDO_UID", "4242"));
    if rustix::process::geteuid().is_root() {
        assert_eq!(refused.status, 2, "{}", refused.err);
        assert!(refused.err.starts_with("error: cargo runs under sudo: start it as yourself"), "{}", refused.err);
    } else {
        assert_eq!(refused.status, 0, "a user's own SUDO_UID means nothing: {}", refused.err);
    }
}

/// Method: a program named `sudo`, which writes down what it is asked for, stands first on the PATH; and the decision
/// itself, since the tests of CI run as root, for whom there is nothing to ask.
pub(crate) fn only_by_a_user(tree: &Tree) {
    let sudo = tree.root.join("state/bin/sudo");
    let bin = sudo.parent().expect("a directory");
    fs::create_dir_all(bin).expect("made");
    fs::write(&sudo, "#!/bin/sh\necho \"$@\" >> \"$(dirname \"$0\")/asked\"\nshift\nexec \"$@\"\n").expect("written");
    fs::set_permissions(&sudo, fs::Permissions::from_mode(0o755)).expect("a program");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("a PATH"));
    let run = said(tree.command(&tree.tool()).args(["run", "--sudo", "--", "version"]).env("PATH", path));
    assert_eq!(run.status, 0, "{}", run.err);
    let asked = fs::read_to_string(bin.join("asked")).unwrap_or_default();
    let command = workbook::built::as_root(Path::new("/built/checker"));
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    if rustix::process::geteuid().is_root() {
        assert_eq!((words, asked.as_str()), (vec!["/built/checker".as_ref()], ""));
    } else {
        assert_eq!(words, ["sudo", "--", "/built/checker"]);
        assert!(asked.starts_with("-- ") && asked.ends_with("/conex version\n"), "{asked}");
    }
}
