//! What cargo builds of the workspace for its tests: the very files that `cargo test` runs, so nothing is built twice.
//! See `cargo test --no-run --message-format=json` in the cargo book.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::run;

/// A program or the program of a test target.
#[derive(Debug, PartialEq)]
pub(crate) struct Binary {
    /// A program's own, or PACKAGE-TARGET for a test.
    pub(crate) name: String,
    pub(crate) package: String,
    /// Whether it is a test with a `main` of its own, hence of testkit's.
    pub(crate) is_kernel_test: bool,
    pub(crate) path: PathBuf,
}

/// The programs of conex's packages and their tests below `tests/`. The tools' own tests need cargo.
pub(crate) fn build() -> Result<Vec<Binary>> {
    let mut command = run::cargo(&["test", "--workspace", "--no-run", "--quiet", "--message-format=json"]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("start cargo")?;
    if !output.status.success() {
        bail!("{}: {}", run::words(&command), output.status);
    }
    let text = String::from_utf8(output.stdout).context("cargo's messages are text")?;
    let mut binaries = Vec::new();
    for line in text.lines() {
        binaries.extend(binary(&serde_json::from_str(line)?, |path| Ok(fs::read_to_string(path)?))?);
    }
    // Cargo tells of them as they are done.
    binaries.sort_by(|one: &Binary, other| one.name.cmp(&other.name));
    Ok(binaries)
}

/// The binary that a message of cargo's tells of, if it does and we want it.
fn binary(message: &Value, read: impl Fn(&str) -> Result<String>) -> Result<Option<Binary>> {
    let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
    let (Some(path), Some(manifest)) = (text("/executable"), text("/manifest_path")) else { return Ok(None) };
    let (Some(kind), Some(target)) = (text("/target/kind/0"), text("/target/name")) else { return Ok(None) };
    let manifest: toml::Table = read(manifest)?.parse().with_context(|| format!("read {manifest}"))?;
    let package = manifest.get("package").and_then(|package| package.get("name")?.as_str()).unwrap_or_default();
    // A program's own unit tests are built as a program of the same kind.
    let is_unit_test = kind != "test" && message.pointer("/profile/test") == Some(&Value::Bool(true));
    if is_unit_test || !["test", "bin"].contains(&kind) || !is_ours(package) {
        return Ok(None);
    }
    let is_test = kind == "test";
    Ok(Some(Binary {
        package: package.to_owned(),
        name: if is_test { format!("{package}-{target}") } else { target.to_owned() },
        is_kernel_test: is_test && has_own_main(&manifest, target),
        path: path.into(),
    }))
}

fn is_ours(package: &str) -> bool {
    package == "conex" || package.starts_with("conex-")
}

fn has_own_main(manifest: &toml::Table, target: &str) -> bool {
    let tests = manifest.get("test").and_then(toml::Value::as_array).into_iter().flatten();
    let mut tests = tests.filter(|test| test.get("name").and_then(toml::Value::as_str) == Some(target));
    tests.any(|test| test.get("harness").and_then(toml::Value::as_bool) == Some(false))
}

/// A copy without symbols, which are nine tenths of a test's size; made again when cargo has built another.
pub(crate) fn stripped(path: &Path) -> Result<PathBuf> {
    let copies = run::target().join("vm/stripped");
    let copy = copies.join(path.strip_prefix("/").unwrap_or(path));
    let time = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
    if time(&copy).is_ok_and(|copied| time(path).is_ok_and(|built| built <= copied)) {
        return Ok(copy);
    }
    fs::create_dir_all(copy.parent().unwrap_or(&copies))?;
    let making = copy.with_extension(std::process::id().to_string());
    run::output(Command::new("strip").arg("-o").args([making.as_path(), path]))?;
    fs::rename(&making, &copy)?;
    Ok(copy)
}

/// The loader and the libraries that a program starts with, by the paths that it finds them under. See ldd(1).
pub(crate) fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    // It fails for a static program, which has none.
    let output = Command::new("ldd").arg(program).output().context("start ldd")?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter_map(library).map(|found| found.with_context(|| program.display().to_string())).collect()
}

/// `libc.so.6 => /lib/…/libc.so.6 (0x…)`, or without an arrow the loader and what the kernel itself maps.
fn library(line: &str) -> Option<Result<PathBuf>> {
    let line = line.trim();
    if line.ends_with("=> not found") {
        return Some(Err(anyhow::anyhow!("{line}")));
    }
    let path = line.split_once("=> ").map_or(line, |(_, path)| path).split(" (").next()?;
    path.starts_with('/').then(|| Ok(path.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MANIFEST: &str = "[package]\nname = 'conex-x'\n[[test]]\nname = 'a'\nharness = false\n[[test]]\nname = 'b'";

    fn parse(kind: &str, name: &str, is_test: bool, manifest: &str) -> Option<Binary> {
        let target = json!({ "kind": [kind], "name": name });
        let message =
            json!({ "executable": "/t/x", "manifest_path": "m", "target": target, "profile": { "test": is_test } });
        binary(&message, |_| Ok(manifest.to_owned())).expect("the manifest is sound")
    }

    fn expected(name: &str, is_kernel_test: bool) -> Option<Binary> {
        Some(Binary { name: name.into(), package: "conex-x".into(), is_kernel_test, path: "/t/x".into() })
    }

    #[test]
    fn tests_are_named_after_their_package_and_programs_after_themselves() {
        assert_eq!(parse("test", "a", true, MANIFEST), expected("conex-x-a", true));
        assert_eq!(parse("test", "b", true, MANIFEST), expected("conex-x-b", false));
        assert_eq!(parse("bin", "ch01", false, MANIFEST), expected("ch01", false));
    }

    #[test]
    fn unit_tests_and_what_is_not_conex_are_left_out() {
        assert_eq!(parse("bin", "ch01", true, MANIFEST), None);
        assert_eq!(parse("lib", "conex_x", true, MANIFEST), None);
        assert_eq!(parse("test", "a", true, "[package]\nname = 'workbook'"), None);
        assert_eq!(binary(&json!({ "reason": "build-finished" }), |_| Ok(String::new())).expect("no binary"), None);
    }

    #[test]
    fn a_library_is_found_in_a_line_of_ldd() {
        let path = |line| library(line).map(|found| found.map_err(|error| error.to_string()));
        let libc = "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)";
        assert_eq!(path(libc), Some(Ok("/lib/x86_64-linux-gnu/libc.so.6".into())));
        assert_eq!(path("\t/lib64/ld.so.2 (0x00007f)"), Some(Ok("/lib64/ld.so.2".into())));
        assert_eq!(path("\tlinux-vdso.so.1 (0x00007f)"), None);
        assert_eq!(path("\tnot a dynamic executable"), None);
        assert_eq!(path("\tliba.so => not found"), Some(Err("liba.so => not found".into())));
    }
}
