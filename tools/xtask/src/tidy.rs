//! The `tidy` step: the project's own rules, those that neither rustc nor clippy can check.
//! One file per check, each a pure function from a `Tree` to findings; only this file reads the disk.

mod anchors;
mod env_vars;
mod exercises;
mod floors;
mod mains;
mod manifests;
mod module_docs;
mod names;
mod orphans;
mod package;
mod pages;
mod size;
mod tests_listed;
mod tree;
mod unsafe_code;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{run, say::say};
use tree::{Finding, Tree};

/// A rule of the house: what it is called in the output, and how it is checked.
struct Check {
    name: &'static str,
    check: fn(&Tree) -> Vec<Finding>,
}

const CHECKS: &[Check] = &[
    Check { name: "module docs", check: module_docs::check },
    Check { name: "size", check: size::check },
    Check { name: "names", check: names::check },
    Check { name: "unsafe", check: unsafe_code::check },
    Check { name: "environment", check: env_vars::check },
    Check { name: "manifests", check: manifests::check },
    Check { name: "floors", check: floors::check },
    Check { name: "mains", check: mains::check },
    Check { name: "tests", check: tests_listed::check },
    Check { name: "orphans", check: orphans::check },
    Check { name: "exercises", check: exercises::check },
    Check { name: "book anchors", check: anchors::check },
    Check { name: "book pages", check: pages::check },
];

/// Directories that hold no source of ours, by their path in the repository.
const SKIPPED: &[&str] = &["target", "book/build", "book/mermaid-init.js"];
/// A larger file is data; no check here is about data.
const FILE_MAX_BYTES: u64 = 1 << 20;

/// Runs every check and prints what was found; an error if there was anything.
pub(crate) fn main() -> Result<()> {
    let mut files = BTreeMap::new();
    read(run::root(), "", &mut files)?;
    let tree = Tree::new(files);
    let mut lines: Vec<String> = tree.unreadable.iter().map(|finding| line(finding, "syntax")).collect();
    for Check { name, check } in CHECKS {
        lines.extend(check(&tree).iter().map(|finding| line(finding, name)));
    }
    lines.iter().for_each(|line| say(line));
    match lines.len() {
        0 => Ok(()),
        1 => bail!("1 finding"),
        count => bail!("{count} findings"),
    }
}

fn line(finding: &Finding, check: &str) -> String {
    format!("{}:{}: {} [{check}]", finding.path, finding.line, finding.message)
}

/// Collects all text files below a directory, by their path in the repository. Links are not followed.
fn read(directory: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> Result<()> {
    for entry in fs::read_dir(directory).with_context(|| format!("list {}", directory.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let metadata = entry.metadata()?;
        if name.starts_with('.') || SKIPPED.contains(&path.as_str()) {
            continue;
        }
        if metadata.is_dir() {
            read(&entry.path(), &format!("{path}/"), files)?;
        } else if metadata.is_file() && metadata.len() <= FILE_MAX_BYTES {
            let bytes = fs::read(entry.path()).with_context(|| format!("read {path}"))?;
            files.extend(String::from_utf8(bytes).ok().map(|text| (path, text)));
        }
    }
    Ok(())
}
