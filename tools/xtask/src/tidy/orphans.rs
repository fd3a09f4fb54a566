//! Files that no `mod` reaches: cargo and rustc never see them, so their tests never run and they rot in silence.

use std::collections::BTreeSet;

use super::package::Package;
use super::tree::{Finding, Tree};

const DIRECTORIES: &[&str] = &["src/", "tests/", "examples/", "benches/"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.packages.iter().flat_map(|package| check_package(tree, package)).collect()
}

fn check_package(tree: &Tree, package: &Package) -> Vec<Finding> {
    let reached = reached(tree, package.crate_roots(tree));
    let own = |path: &str| {
        path.strip_prefix(&package.directory).is_some_and(|path| DIRECTORIES.iter().any(|own| path.starts_with(own)))
    };
    let lost = tree.rust.iter().filter(|file| own(&file.path) && !reached.contains(&file.path));
    lost.map(|file| Finding::new(&file.path, 1, "no crate has a `mod` for this file")).collect()
}

fn reached(tree: &Tree, roots: BTreeSet<String>) -> BTreeSet<String> {
    let mut waiting: Vec<(String, String)> = roots.into_iter().map(|root| (directory(&root), root)).collect();
    let mut reached = BTreeSet::new();
    while let Some((modules, path)) = waiting.pop() {
        let Some(file) = tree.rust(&path) else { continue };
        if reached.insert(path.clone()) {
            follow(&file.syntax.items, &modules, &directory(&path), &mut waiting);
        }
    }
    reached
}

/// Adds the files that the `mod` items may mean, each with the directory of its own modules.
fn follow(items: &[syn::Item], modules: &str, own: &str, waiting: &mut Vec<(String, String)>) {
    for item in items {
        let syn::Item::Mod(module) = item else { continue };
        let inner = format!("{modules}{}/", module.ident);
        if let Some((_, items)) = &module.content {
            follow(items, &inner, own, waiting);
        } else if let Some(path) = named(module) {
            let path = joined(own, &path);
            waiting.push((directory(&path), path));
        } else {
            waiting.push((inner.clone(), format!("{modules}{}.rs", module.ident)));
            waiting.push((inner.clone(), format!("{inner}mod.rs")));
        }
    }
}

/// A path as seen from a directory, which ends with a slash; each `..` takes one name away.
fn joined(directory: &str, path: &str) -> String {
    let mut names: Vec<&str> = directory.split_terminator('/').collect();
    for name in path.split('/') {
        match name {
            ".." => _ = names.pop(),
            name => names.push(name),
        }
    }
    names.join("/")
}

/// The file of a `#[path = "…"] mod x;`.
fn named(module: &syn::ItemMod) -> Option<String> {
    let attribute = module.attrs.iter().find(|attribute| attribute.path().is_ident("path"))?;
    match &attribute.meta.require_name_value().ok()?.value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(path), .. }) => Some(path.value()),
        _ => None,
    }
}

fn directory(path: &str) -> String {
    path.rsplit_once('/').map_or(String::new(), |(directory, _)| format!("{directory}/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orphans(files: &[(&str, &str)]) -> Vec<String> {
        let tree = [&[("a/Cargo.toml", "package.name = 'a'")], files].concat();
        check(&Tree::of(&tree)).into_iter().map(|finding| finding.path).collect()
    }

    #[test]
    fn a_module_of_a_test_that_nobody_declares_is_found() {
        let files = [("a/tests/t/main.rs", "mod one;"), ("a/tests/t/one.rs", ""), ("a/tests/t/two.rs", "")];
        assert_eq!(orphans(&files), ["a/tests/t/two.rs"]);
    }

    #[test]
    fn all_ways_to_declare_a_module_are_followed() {
        let files = [
            ("a/src/lib.rs", "mod b; mod c { mod d; } #[path = \"odd.rs\"] mod e;"),
            ("a/benches/x/main.rs", "#[path = \"../y/mod.rs\"] mod y;"),
            ("a/benches/y/mod.rs", "mod z;"),
            ("a/benches/y/z.rs", ""),
            ("a/src/b.rs", "mod f;"),
            ("a/src/b/f/mod.rs", "mod g;"),
            ("a/src/b/f/g.rs", ""),
            ("a/src/c/d.rs", ""),
            ("a/src/odd.rs", ""),
        ];
        assert!(orphans(&files).is_empty(), "{:?}", orphans(&files));
    }
}
