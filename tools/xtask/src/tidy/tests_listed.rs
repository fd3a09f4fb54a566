//! Tests that exist but never run: a file that a manifest with a closed list forgets, or a kernel test that the ordinary
//! harness swallows (its `main` becomes dead code, and it passes with 0 tests). Also: test names are claims.

use syn::visit::Visit;
use toml::{Table, Value};

use super::package::Package;
use super::tree::{Finding, RustFile, Tree};

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let listed = tree.packages.iter().flat_map(|package| check_package(tree, package));
    listed.chain(tree.rust.iter().flat_map(check_names)).collect()
}

fn check_package(tree: &Tree, package: &Package) -> Vec<Finding> {
    let directory = format!("{}tests/", package.directory);
    let files = tree.rust.iter().filter(|file| file.path.starts_with(&directory));
    let targets = files.filter_map(|file| Some((file, target_name(file.path.strip_prefix(&directory)?)?)));
    targets.filter_map(|(file, name)| Some(Finding::new(&file.path, 1, fault(package, file, name)?))).collect()
}

/// `life` for `life.rs` and `life/main.rs`, `None` for a module of a test.
fn target_name(path: &str) -> Option<&str> {
    let name = path.strip_suffix("/main.rs").or(path.strip_suffix(".rs"))?;
    (!name.contains('/')).then_some(name)
}

fn fault(package: &Package, file: &RustFile, name: &str) -> Option<String> {
    let entry = package.listed("test").find(|entry| is_entry_of(entry, name));
    let automatic = package.manifest.get("package").and_then(|table| table.get("autotests")?.as_bool()) != Some(false);
    let harness = entry.and_then(|entry| entry.get("harness")?.as_bool()) != Some(false);
    let manifest = package.manifest_path();
    match (entry.is_some(), has_main(file), harness) {
        (false, _, _) if !automatic => Some(format!("no [[test]] of {manifest} lists it, so it never runs")),
        (_, true, true) => Some(format!("has a main, so {manifest} must list it as [[test]] with harness = false")),
        (_, false, false) => Some("is listed with harness = false but has no main".to_owned()),
        _ => None,
    }
}

fn is_entry_of(entry: &Table, name: &str) -> bool {
    let text = |key: &str| entry.get(key).and_then(Value::as_str);
    let paths = [format!("tests/{name}.rs"), format!("tests/{name}/main.rs")];
    text("path").map_or(text("name") == Some(name), |path| paths.iter().any(|own| own == path))
}

fn has_main(file: &RustFile) -> bool {
    file.syntax.items.iter().any(|item| matches!(item, syn::Item::Fn(function) if function.sig.ident == "main"))
}

fn check_names(file: &RustFile) -> Vec<Finding> {
    let mut prefixed = Prefixed(Vec::new());
    prefixed.visit_file(&file.syntax);
    let names = prefixed.0.iter();
    names.map(|name| Finding::new(&file.path, name.span().start().line, format!("{name}: drop the `test_`"))).collect()
}

/// Names of test functions that begin with `test_`.
struct Prefixed<'a>(Vec<&'a syn::Ident>);

impl<'a> Visit<'a> for Prefixed<'a> {
    fn visit_item_fn(&mut self, function: &'a syn::ItemFn) {
        let is_test = function.attrs.iter().any(|attribute| attribute.path().is_ident("test"));
        let name = &function.sig.ident;
        self.0.extend((is_test && name.to_string().starts_with("test_")).then_some(name));
        syn::visit::visit_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(manifest: &str, text: &str) -> usize {
        let manifest = format!("package.name = 'a'\n{manifest}");
        check(&Tree::of(&[("a/Cargo.toml", &manifest), ("a/tests/life.rs", text)])).len()
    }

    #[test]
    fn a_file_missing_from_a_closed_list_is_found() {
        assert_eq!(count("package.autotests = false", "#[test]\nfn a() {}"), 1);
        assert_eq!(count("package.autotests = false\n[[test]]\nname = 'life'", "#[test]\nfn a() {}"), 0);
        assert_eq!(count("package.autotests = false\n[[test]]\nname = 'x'\npath = 'tests/life.rs'", ""), 0);
        assert_eq!(count("", "#[test]\nfn a() {}"), 0);
    }

    #[test]
    fn a_kernel_test_under_the_ordinary_harness_is_found() {
        assert_eq!(count("", "fn main() {}"), 1);
        assert_eq!(count("[[test]]\nname = 'life'", "fn main() {}"), 1);
        assert_eq!(count("[[test]]\nname = 'life'\nharness = false", "fn main() {}"), 0);
        assert_eq!(count("[[test]]\nname = 'life'\nharness = false", "#[test]\nfn a() {}"), 1);
    }

    #[test]
    fn a_test_prefix_is_found() {
        assert_eq!(count("", "mod m { #[test]\nfn test_a() {} }"), 1);
    }
}
