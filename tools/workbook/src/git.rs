//! What git keeps for the workbook: the reference, at `refs/workbook/base`, and a place in the git directory for notes.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// The commit that holds the reference solutions.
pub(crate) const BASE: &str = "refs/workbook/base";
/// The one that an update under way brings.
pub(crate) const NEXT: &str = "refs/workbook/next";

/// Runs git in a tree; gives its output without the last newline.
pub(crate) fn git<A: AsRef<OsStr>>(root: &Path, arguments: &[A]) -> Result<String> {
    let output = Command::new("git").arg("-C").arg(root).args(arguments).output().context("start git")?;
    if !output.status.success() {
        let words: Vec<_> = arguments.iter().map(|word| word.as_ref().to_string_lossy()).collect();
        bail!("git {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout).context("git's output")?.trim_end_matches('\n').to_owned())
}

/// Runs git for what makes commits: where nobody has told git a name, as on a new machine, it is the learner.
pub(crate) fn git_as_somebody(root: &Path, arguments: &[&str]) -> Result<String> {
    let named = git(root, &["config", "user.name"]).is_ok() && git(root, &["config", "user.email"]).is_ok();
    let learner = ["-c", "user.name=learner", "-c", "user.email=learner@localhost"];
    git(root, &[if named { &[][..] } else { &learner[..] }, arguments].concat())
}

/// Makes sure that there is a base: where there is none yet, the last commit is it.
pub(crate) fn ensure_base(root: &Path) -> Result<()> {
    if has(root, BASE) {
        return Ok(());
    }
    if git(root, &["diff", "--quiet", "HEAD", "--", "chapters"]).is_err() {
        bail!("files in chapters/ differ from the last commit, which is to be the reference: commit them first");
    }
    git(root, &["update-ref", BASE, "HEAD"]).map(drop)
}

/// Moves the base along once HEAD holds what an update brought. Nothing else moves it: what a learner pulls or pushes may
/// be his own.
pub fn settle(root: &Path) -> Result<()> {
    let next = git(root, &["rev-parse", "--verify", "--quiet", NEXT]).ok();
    let Some(next) = next.filter(|next| has(root, BASE) && is_within(root, next, "HEAD")) else { return Ok(()) };
    if is_within(root, BASE, &next) {
        git(root, &["update-ref", BASE, &next])?;
    }
    git(root, &["update-ref", "-d", NEXT]).map(drop)
}

/// Whether a commit is another or one of those that it was made from.
pub(crate) fn is_within(root: &Path, commit: &str, of: &str) -> bool {
    git(root, &["merge-base", "--is-ancestor", commit, of]).is_ok()
}

/// Whether there is a commit of this name; with [`BASE`], whether there is a reference, as wherever somebody learns.
pub(crate) fn has(root: &Path, name: &str) -> bool {
    git(root, &["rev-parse", "--verify", "--quiet", name]).is_ok()
}

/// The commit that has the reference: before there is a base, the last one.
fn base(root: &Path) -> &'static str {
    if has(root, BASE) { BASE } else { "HEAD" }
}

/// A file as the reference has it.
pub(crate) fn reference(root: &Path, file: &Path) -> Result<String> {
    git(root, &["show", &format!("{}:{}", base(root), file.display())]).map(|text| text + "\n")
}

/// The reference's files in `chapters/` that the tree has not, or not as they are there.
pub(crate) fn changed(root: &Path) -> Result<Vec<PathBuf>> {
    let files = git(root, &["diff", "--name-only", base(root), "--", "chapters"])?;
    Ok(files.lines().map(PathBuf::from).collect())
}

/// A directory of ours in the git directory: not part of the tree, and not lost with it.
pub(crate) fn notes(root: &Path) -> Result<PathBuf> {
    let directory = PathBuf::from(git(root, &["rev-parse", "--absolute-git-dir"])?).join("workbook");
    std::fs::create_dir_all(&directory).with_context(|| format!("make {}", directory.display()))?;
    Ok(directory)
}
