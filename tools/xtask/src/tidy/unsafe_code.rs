//! `unsafe` lives in one file, the kernel chapter's `sys.rs`; every other crate forbids it at its root, tests included.

use std::collections::BTreeSet;

use super::tree::{Finding, RustFile, Tree};

const UNSAFE_FILE: &str = "chapters/00-kernel/src/sys.rs";
/// The crate that `UNSAFE_FILE` belongs to cannot forbid what it alone may do; it has the workspace's `deny`.
const UNSAFE_ROOT: &str = "chapters/00-kernel/src/lib.rs";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let roots: BTreeSet<String> = tree.packages.iter().flat_map(|package| package.crate_roots(tree)).collect();
    let roots = tree.rust.iter().filter(|file| roots.contains(&file.path) && file.path != UNSAFE_ROOT);
    let lax = roots.filter(|file| !forbids(file));
    let lax = lax.map(|file| Finding::new(&file.path, 1, "the root of a crate needs #![forbid(unsafe_code)]"));
    tree.rust.iter().flat_map(used).chain(lax).collect()
}

fn used(file: &RustFile) -> impl Iterator<Item = Finding> {
    let words = file.words.iter().filter(|word| word.text == "unsafe" && file.path != UNSAFE_FILE);
    words.map(|word| Finding::new(&file.path, word.line, format!("unsafe is allowed in {UNSAFE_FILE} only")))
}

fn forbids(file: &RustFile) -> bool {
    let is_forbid = |attribute: &&syn::Attribute| attribute.path().is_ident("forbid");
    file.syntax
        .attrs
        .iter()
        .filter(is_forbid)
        .any(|attribute| attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("unsafe_code")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Tree::of(&[("chapters/00-kernel/Cargo.toml", "[package]\nname = 'k'"), (path, text)])).len()
    }

    #[test]
    fn unsafe_outside_of_sys_is_found_in_macros_too() {
        assert_eq!(count("src/a.rs", "fn f() { unsafe { g() } }"), 1);
        assert_eq!(count("src/a.rs", "m! { unsafe fn f() {} }"), 1);
        assert_eq!(count(UNSAFE_FILE, "fn f() { unsafe { g() } }"), 0);
    }

    #[test]
    fn the_word_in_a_comment_or_a_string_passes() {
        assert_eq!(count("src/a.rs", "/// unsafe\nfn f() { g(\"unsafe\") } // unsafe"), 0);
    }

    #[test]
    fn a_crate_root_without_forbid_is_found() {
        assert_eq!(count("chapters/00-kernel/tests/t.rs", "fn main() {}"), 1);
        assert_eq!(count("chapters/00-kernel/tests/t.rs", "#![deny(unsafe_code)]"), 1);
        assert_eq!(count("chapters/00-kernel/tests/t.rs", "#![forbid(unsafe_code)]"), 0);
        assert_eq!(count(UNSAFE_ROOT, ""), 0);
    }
}
