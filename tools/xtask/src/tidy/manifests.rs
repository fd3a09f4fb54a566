//! Every member inherits the workspace's lints, and only the root package has cargo features.

use super::package::Package;
use super::tree::{Finding, Tree};

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Finding> {
    let finding = |message: &str| Finding::new(&package.manifest_path(), 1, message);
    let lints = package.manifest.get("lints").and_then(|lints| lints.get("workspace")?.as_bool()) == Some(true);
    let features = package.manifest.contains_key("features") && !package.directory.is_empty();
    let missing = (!lints).then(|| finding("needs [lints] workspace = true"));
    missing.into_iter().chain(features.then(|| finding("only the root package has features"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, &format!("package.name = 'a'\n{text}"))])).len()
    }

    #[test]
    fn a_member_without_the_workspace_lints_is_found() {
        assert_eq!(count("tools/a/Cargo.toml", ""), 1);
        assert_eq!(count("tools/a/Cargo.toml", "lints.workspace = true"), 0);
    }

    #[test]
    fn features_are_found_except_in_the_root_package() {
        assert_eq!(count("tools/a/Cargo.toml", "lints.workspace = true\nfeatures.b = []"), 1);
        assert_eq!(count("Cargo.toml", "lints.workspace = true\nfeatures.b = []"), 0);
    }
}
