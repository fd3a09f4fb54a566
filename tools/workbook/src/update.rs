//! Bringing a learner's tree to the newest commit of where it came from. Work is committed first and then merged by git:
//! nothing is lost, and conflicts are shown as git shows them.
//!
//! The reference moves along once the merge is done, and not before: until then, what is not the learner's is still what
//! the old reference says.

use std::path::Path;

use anyhow::{Result, bail};

use crate::git::{BASE, NEXT, git, git_as_somebody, has, is_within, settle};

/// Fetches and merges; says what the tree is at now.
pub fn update(root: &Path) -> Result<String> {
    if !has(root, BASE) {
        bail!("nothing was begun in this tree; git pull brings it to the newest");
    }
    if has(root, "MERGE_HEAD") {
        bail!("the update before this one is not done: {}", to_mend(root)?);
    }
    if !git(root, &["status", "--porcelain"])?.is_empty() {
        git(root, &["add", "--all"])?;
        git_as_somebody(root, &["commit", "--quiet", "--message", "Work before an update of the workbook"])?;
    }
    // Its main branch by name: of all branches, git would take whichever it lists first.
    git(root, &["fetch", "--quiet", "origin", "HEAD"])?;
    let newest = git(root, &["rev-parse", "FETCH_HEAD"])?;
    if is_within(root, &newest, "HEAD") {
        return Ok("this is the newest already".to_owned());
    }
    git(root, &["update-ref", NEXT, &newest])?;
    let merged = git_as_somebody(root, &["merge", "--quiet", "--no-edit", &newest]);
    match merged {
        Ok(_) => settle(root).map(|()| format!("now at {}", &newest[..12])),
        Err(_) if has(root, "MERGE_HEAD") => bail!("both sides changed the same: {}", to_mend(root)?),
        Err(error) => Err(error),
    }
}

/// What a learner does about a merge that is not done.
fn to_mend(root: &Path) -> Result<String> {
    let files = git(root, &["diff", "--name-only", "--diff-filter=U"])?;
    let how = "git commit --all makes them yours, git merge --abort goes back";
    Ok(if files.is_empty() {
        "git commit takes it, git merge --abort goes back".to_owned()
    } else {
        format!("mend these, then {how}:\n{files}")
    })
}
