//! Who may use whom: a floor's library uses the kernel and namespaces chapters only; its `main.rs` composes the floors
//! up to its own; no chapter uses the engine. Cargo cannot tell a package's library from its binary, so the paths are read.

use super::package::Package;
use super::tree::{Finding, RustFile, Tree, Word};

/// Chapters whose crates every floor's library may use: the kernel and the spine.
const FOUNDATION_LAST: u32 = 1;
/// The throw-away test host; a dependency of tests only.
const TESTKIT: &str = "testkit";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let chapters = tree.packages.iter().filter_map(|package| Some((package, package.chapter()?)));
    chapters.flat_map(|(package, chapter)| Floor { tree, package, chapter }.check()).collect()
}

struct Floor<'a> {
    tree: &'a Tree,
    package: &'a Package,
    chapter: u32,
}

impl Floor<'_> {
    fn check(&self) -> Vec<Finding> {
        let files = self.tree.rust.iter().filter(|file| file.path.starts_with(&self.package.directory));
        files.flat_map(|file| self.check_file(file)).chain(self.check_manifest()).collect()
    }

    fn check_file(&self, file: &RustFile) -> Vec<Finding> {
        let last = if self.is_library(file) { FOUNDATION_LAST.min(self.chapter) } else { self.chapter };
        let mut findings = Vec::new();
        for (index, word) in file.words.iter().enumerate() {
            let Some(used) = self.used(&file.words, index) else { continue };
            let allowed = used.chapter().is_some_and(|chapter| chapter <= last);
            if !allowed && used.name != self.package.name && used.name != TESTKIT {
                let message = format!("{} may not use {}", self.role(file), used.name);
                findings.push(Finding::new(&file.path, word.line, message));
            }
        }
        findings
    }

    /// The package of ours that a word stands for, if it begins a path or is imported.
    fn used(&self, words: &[Word], index: usize) -> Option<&Package> {
        let text = |at: Option<usize>| at.and_then(|at| words.get(at)).map_or("", |word| word.text.as_str());
        let before = |distance: usize| text(index.checked_sub(distance));
        let inside_path = before(1) == ":" && before(2) == ":" && before(3).starts_with(|c: char| c.is_alphabetic());
        let path = text(Some(index + 1)) == ":" && text(Some(index + 2)) == ":";
        let import = matches!(before(1), "use" | "crate");
        let word = text(Some(index));
        let found = self.tree.packages.iter().find(|package| package.crate_name() == word)?;
        ((path && !inside_path) || import).then_some(found)
    }

    fn is_library(&self, file: &RustFile) -> bool {
        let path = file.path.strip_prefix(&self.package.directory).unwrap_or_default();
        path.starts_with("src/") && path != "src/main.rs" && !path.starts_with("src/bin/")
    }

    fn role(&self, file: &RustFile) -> String {
        let part = if self.is_library(file) { "the library of" } else { "" };
        format!("{part} chapter {}", self.chapter).trim_start().to_owned()
    }

    /// What the paths cannot show: a dependency that is listed although nothing of ours may use it.
    fn check_manifest(&self) -> Vec<Finding> {
        let normal = ["dependencies", "build-dependencies"].map(|kind| self.refused(kind, ""));
        let for_tests = self.refused("dev-dependencies", TESTKIT);
        let names = normal.into_iter().flatten().chain(for_tests);
        let message = |name: String| format!("chapter {} may not depend on {name}", self.chapter);
        names.map(|name| Finding::new(&self.package.manifest_path(), 1, message(name))).collect()
    }

    fn refused(&self, kind: &str, allowed: &str) -> Vec<String> {
        let ours = |name: &String| self.tree.packages.iter().find(|package| package.name == *name);
        let below = |package: &Package| package.chapter().is_some_and(|chapter| chapter < self.chapter);
        let refused = |name: &String| ours(name).is_some_and(|package| !below(package) && package.name != allowed);
        self.package.dependencies(kind).into_iter().filter(refused).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGES: &[(&str, &str)] = &[
        ("Cargo.toml", "package.name = 'conex'"),
        ("tools/testkit/Cargo.toml", "package.name = 'testkit'"),
        ("chapters/00-kernel/Cargo.toml", "package.name = 'conex-kernel'"),
        ("chapters/01-namespaces/Cargo.toml", "package.name = 'conex-namespaces'"),
        ("chapters/02-cgroups/Cargo.toml", "package.name = 'conex-cgroups'"),
        ("chapters/03-union-mount/Cargo.toml", "package.name = 'conex-overlay'"),
    ];

    fn count(path: &str, text: &str) -> usize {
        let others = PACKAGES.iter().filter(|(manifest, _)| *manifest != path).copied();
        check(&Tree::of(&others.chain([(path, text)]).collect::<Vec<_>>())).len()
    }

    #[test]
    fn a_library_that_uses_another_floor_is_found() {
        assert_eq!(count("chapters/03-union-mount/src/a.rs", "use conex_cgroups::Limits;"), 1);
        assert_eq!(count("chapters/03-union-mount/src/a.rs", "fn f() { conex_cgroups::g() }"), 1);
        assert_eq!(count("chapters/03-union-mount/src/a.rs", "use conex_cgroups as floor;"), 1);
        assert_eq!(count("chapters/00-kernel/src/a.rs", "use conex_namespaces::Plan;"), 1);
    }

    #[test]
    fn a_library_may_use_the_foundation() {
        let text = "use conex_kernel::perform; use conex_namespaces::{Part, Plan}; use crate::conex_cgroups::x;";
        assert_eq!(count("chapters/03-union-mount/src/a.rs", text), 0);
    }

    #[test]
    fn a_main_may_use_the_floors_up_to_its_own() {
        assert_eq!(count("chapters/02-cgroups/src/main.rs", "use conex_cgroups::Limits;"), 0);
        assert_eq!(count("chapters/02-cgroups/src/main.rs", "use conex_overlay::Overlay;"), 1);
    }

    #[test]
    fn a_chapter_that_uses_the_engine_is_found() {
        assert_eq!(count("chapters/02-cgroups/src/main.rs", "use conex::Engine;"), 1);
        assert_eq!(count("chapters/02-cgroups/tests/t.rs", "fn f() { conex::run() }"), 1);
    }

    #[test]
    fn a_dependency_on_what_may_not_be_used_is_found() {
        let manifest = |dependencies: &str| {
            count("chapters/02-cgroups/Cargo.toml", &format!("package.name = 'conex-cgroups'\n{dependencies}"))
        };
        assert_eq!(manifest("dependencies.conex.workspace = true"), 1);
        assert_eq!(manifest("dev-dependencies.conex-overlay.workspace = true"), 1);
        assert_eq!(manifest("dependencies.testkit.workspace = true"), 1);
        assert_eq!(
            manifest("dev-dependencies.testkit.workspace = true\ndependencies.conex-kernel.workspace = true"),
            0
        );
    }
}
