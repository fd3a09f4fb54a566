//! The book: built with our preprocessor and mermaid's, its links checked, and its pages looked at in a browser.

mod browser;
mod links;
mod preprocessor;
mod schedule;

use std::{env, fs, path::PathBuf};

use anyhow::{Context, Result, bail};

use crate::{
    run,
    say::{complain, say},
    tools,
};

pub(crate) use preprocessor::Arguments as PreprocessorArguments;
pub(crate) use preprocessor::main as preprocess;

/// What mdbook-mermaid brings: the library that draws in the reader's browser, so that nothing comes from elsewhere.
const DRAWING: [&str; 2] = ["mermaid.min.js", "mermaid-init.js"];

/// Build the book into book/build.
#[derive(clap::Args)]
pub(crate) struct Arguments {}

/// `cargo xtask book`.
pub(crate) fn main(_arguments: &Arguments) -> Result<()> {
    build()?;
    say(&format!("open {}", built().join("index.html").display()));
    Ok(())
}

/// The `book` step of lint: builds it and checks its links.
pub(crate) fn check() -> Result<()> {
    build()?;
    links::check(&built())
}

/// The `pages` step of lint: what the `book` step built, in a browser.
pub(crate) fn look() -> Result<()> {
    if !built().join("index.html").is_file() {
        build()?;
    }
    browser::look(&built())
}

fn built() -> PathBuf {
    run::root().join("book/build")
}

fn build() -> Result<()> {
    let book = run::root().join("book");
    // Written anew each time: mdbook-mermaid keeps what is there, also from another version.
    for name in DRAWING {
        let _ = fs::remove_file(book.join(name));
    }
    run::output(tools::command("mdbook-mermaid")?.args(["install", "book"]))?;
    let mut mdbook = tools::command("mdbook")?;
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([tools::programs()].into_iter().chain(env::split_paths(&path)));
    mdbook.args(["build", "book"]).env("PATH", path.context("a PATH")?).env("MDBOOK_LOG", "warn");
    let output = mdbook.output().context("start mdbook")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // mdbook-mermaid is built with the versions that its author locked, and wonders at each newer mdBook.
    said.lines().filter(|line| !line.contains("was built against version")).for_each(complain);
    if !output.status.success() {
        bail!("mdbook build: {}", output.status);
    }
    Ok(())
}
