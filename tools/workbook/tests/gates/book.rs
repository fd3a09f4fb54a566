//! The `console,workbook` blocks of the book's pages do what they show, in a learner's tree.

use std::{fs, path::Path};

use testkit::console;

use crate::tree::{Tree, git};

/// Method: page by page in one tree, which must be the reference's again at the end of each.
pub(crate) fn do_what_they_show(tree: &Tree) {
    let pages = tree.root.join("book/src");
    let mut names: Vec<_> = fs::read_dir(&pages).expect("pages").flatten().map(|entry| entry.path()).collect();
    names.sort_unstable();
    let mut count = 0;
    for path in names.iter().filter(|path| path.extension().is_some_and(|end| end == "md")) {
        let page = fs::read_to_string(path).expect("a page");
        for step in console::steps(&page, "console,workbook") {
            let prepared = tree.command(Path::new("true"));
            step.check(|shell| {
                shell.current_dir(&tree.root);
                prepared.get_envs().for_each(|(key, value)| match value {
                    Some(value) => _ = shell.env(key, value),
                    None => _ = shell.env_remove(key),
                });
            });
            count += 1;
        }
        assert_eq!(git(&tree.root, &["status", "--porcelain", "--", "chapters"]), "", "{}", path.display());
    }
    assert!(count >= 10, "only {count} steps");
}
