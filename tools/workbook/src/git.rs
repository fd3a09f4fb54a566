//! What git keeps for the workbook: the reference, at `refs/workbook/base`, and a place in the git directory for notes.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// The commit that holds the reference solutions.
pub(crate) const BASE: &str = "refs/workbook/base";

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

/// Makes sure that there is a base. Where there is none yet, the last commit is it; in a clone that has pulled since, it
/// moves along with what was pulled.
pub(crate) fn ensure_base(root: &Path) -> Result<()> {
    if !has_base(root) {
        if git(root, &["diff", "--quiet", "HEAD", "--", "chapters"]).is_err() {
            bail!("files in chapters/ differ from the last commit, which is to be the reference: commit them first");
        }
        git(root, &["update-ref", BASE, "HEAD"])?;
    } else if let Ok(pulled) = git(root, &["merge-base", "HEAD", "@{upstream}"])
        && git(root, &["merge-base", "--is-ancestor", BASE, &pulled]).is_ok()
    {
        git(root, &["update-ref", BASE, &pulled])?;
    }
    Ok(())
}

/// Whether there is a reference, as in every tree that somebody learns in.
pub(crate) fn has_base(root: &Path) -> bool {
    git(root, &["rev-parse", "--verify", "--quiet", BASE]).is_ok()
}

/// A file as the reference has it; before there is a base, as the last commit has it.
pub(crate) fn reference(root: &Path, file: &Path) -> Result<String> {
    let base = if has_base(root) { BASE } else { "HEAD" };
    git(root, &["show", &format!("{base}:{}", file.display())]).map(|text| text + "\n")
}

/// A directory of ours in the git directory: not part of the tree, and not lost with it.
pub(crate) fn notes(root: &Path) -> Result<PathBuf> {
    let directory = PathBuf::from(git(root, &["rev-parse", "--absolute-git-dir"])?).join("workbook");
    std::fs::create_dir_all(&directory).with_context(|| format!("make {}", directory.display()))?;
    Ok(directory)
}
