//! A package as its manifest describes it: name, place, dependencies, and which files are roots of a crate.
//! Only what the checks need; cargo itself decides about everything else.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::tree::Tree;

/// One `Cargo.toml` with a `[package]`.
pub(crate) struct Package {
    pub(crate) name: String,
    /// The directory with a slash at its end; empty for the root package.
    pub(crate) directory: String,
    pub(crate) manifest: Table,
}

/// Directories whose files, or `main.rs` of whose directories, cargo makes crates of.
const TARGET_DIRECTORIES: &[&str] = &["src/bin/", "tests/", "examples/", "benches/"];

impl Package {
    /// `None` for a manifest that is only a workspace.
    pub(crate) fn parse(path: &str, text: &str) -> Result<Option<Package>, toml::de::Error> {
        let manifest: Table = text.parse()?;
        let name = manifest.get("package").and_then(|package| package.get("name")).and_then(Value::as_str);
        let directory = path.strip_suffix("Cargo.toml").unwrap_or(path).to_owned();
        Ok(name.map(str::to_owned).map(|name| Package { name, directory, manifest }))
    }

    pub(crate) fn manifest_path(&self) -> String {
        format!("{}Cargo.toml", self.directory)
    }

    /// The name that `use` wants.
    pub(crate) fn crate_name(&self) -> String {
        self.name.replace('-', "_")
    }

    /// 3 for `chapters/03-union-mount`, `None` for what is no chapter.
    pub(crate) fn chapter(&self) -> Option<u32> {
        self.directory.strip_prefix("chapters/")?.split_once('-')?.0.parse().ok()
    }

    /// Names of packages in a kind of dependencies (`dependencies`, `dev-dependencies`, …), for any platform.
    pub(crate) fn dependencies(&self, kind: &str) -> BTreeSet<String> {
        let platforms = self.manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
        let tables = platforms.filter_map(|platform| platform.get(kind)).chain(self.manifest.get(kind));
        let entries = tables.filter_map(Value::as_table).flatten();
        entries.map(|(key, value)| value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned()).collect()
    }

    /// The `[[kind]]` tables of the manifest.
    pub(crate) fn listed(&self, kind: &str) -> impl Iterator<Item = &Table> {
        self.manifest.get(kind).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
    }

    /// Every file that is the root of a crate: found by cargo's rules for directories, or named by a `path`.
    pub(crate) fn crate_roots(&self, tree: &Tree) -> BTreeSet<String> {
        let named =
            self.listed("bin").chain(self.listed("test")).chain(self.listed("bench")).chain(self.listed("example"));
        let named = named.chain(self.manifest.get("lib").and_then(Value::as_table));
        let named =
            named.filter_map(|table| table.get("path")?.as_str()).map(|path| format!("{}{path}", self.directory));
        let found = tree.rust.iter().map(|file| &file.path).filter(|path| self.is_found_by_cargo(path)).cloned();
        found.chain(named).collect()
    }

    fn is_found_by_cargo(&self, path: &str) -> bool {
        let Some(path) = path.strip_prefix(&self.directory) else { return false };
        matches!(path, "src/lib.rs" | "src/main.rs" | "build.rs")
            || TARGET_DIRECTORIES.iter().any(|directory| path.strip_prefix(directory).is_some_and(is_target))
    }
}

fn is_target(path: &str) -> bool {
    match path.split_once('/') {
        None => true,
        Some((_, rest)) => rest == "main.rs",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[package]\nname = 'conex-x'\n[dependencies]\na.workspace = true\nb = { package = 'c' }
        [target.'cfg(unix)'.dependencies]\nd = '1'\n[[test]]\nname = 'e'\npath = 'more/e.rs'";

    fn package() -> Package {
        Package::parse("chapters/03-x/Cargo.toml", MANIFEST).expect("the manifest parses").expect("it has a package")
    }

    #[test]
    fn renamed_and_platform_dependencies_count() {
        assert_eq!(package().dependencies("dependencies"), ["a", "c", "d"].map(str::to_owned).into());
    }

    #[test]
    fn roots_are_found_by_directory_and_by_path() {
        let files = ["src/lib.rs", "src/deep.rs", "src/bin/b.rs", "tests/t.rs", "tests/u/main.rs", "tests/u/v.rs"];
        let files = files.map(|path| format!("chapters/03-x/{path}"));
        let tree = Tree::of(&files.each_ref().map(|path| (path.as_str(), "")));
        let expected = ["src/lib.rs", "src/bin/b.rs", "tests/t.rs", "tests/u/main.rs", "more/e.rs"];
        assert_eq!(package().crate_roots(&tree), expected.map(|path| format!("chapters/03-x/{path}")).into());
    }
}
