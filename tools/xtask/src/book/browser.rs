//! The built pages in headless Chromium, driven by playwright-core: no errors, nothing wider than the window, drawings
//! that are drawn, search and keyboard. `pages.mjs` is what runs in node.

use std::{env, path::Path, process::Command};

use anyhow::{Result, bail};

use crate::{packages, run, say::say, tools};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/book/pages.mjs");

/// An error if a page is not as it should be; said and passed over where there is no browser, but not in CI.
pub(super) fn look(built: &Path) -> Result<()> {
    packages::ensure(packages::FOR_PAGES)?;
    let missing = ["chromium", "node", "npm"].into_iter().find(|program| packages::find(program).is_none());
    if let Some(program) = missing {
        if env::var("CI").is_ok_and(|value| value == "true") {
            bail!("there is no {program} to look at the pages with");
        }
        say(&format!("skipped: pages: there is no {program}"));
        return Ok(());
    }
    let modules = tools::modules("playwright-core")?;
    let mut node = Command::new("node");
    node.arg(SCRIPT)
        .arg(built)
        .arg(run::root().join("book/src"))
        .arg(run::target().join("pages"))
        .arg(modules.join("playwright-core"));
    run::run(&mut node)
}
