//! Every link and `#anchor` inside the built pages, as a browser sees them: after mdBook has made ids of the headings. Web
//! links are not followed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use html5gum::{StartTag, Token, Tokenizer};

use crate::say::say;

/// What a page offers to links, and which links it has.
#[derive(Default)]
struct Page {
    ids: BTreeSet<String>,
    links: BTreeSet<String>,
}

/// An error if a link of the built book leads nowhere.
pub(super) fn check(built: &Path) -> Result<()> {
    let pages = read_pages(built)?;
    let broken = broken_links(&pages, |path| built.join(path).is_file());
    broken.iter().for_each(|line| say(line));
    match broken.len() {
        0 => Ok(()),
        count => bail!("{count} broken links in {} pages", pages.len()),
    }
}

/// All pages but the two that repeat or replace others, by their path in the book.
fn read_pages(built: &Path) -> Result<BTreeMap<PathBuf, Page>> {
    let mut pages = BTreeMap::new();
    let mut directories = vec![built.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).with_context(|| format!("list {}", directory.display()))? {
            let path = entry?.path();
            let name = path.strip_prefix(built)?.to_path_buf();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|end| end == "html")
                && !REPEATED.contains(&name.to_str().unwrap_or(""))
            {
                pages.insert(name, Page::parse(&fs::read_to_string(&path)?));
            }
        }
    }
    Ok(pages)
}

/// The whole book as one page to print, and the page that a web server shows for a missing one.
const REPEATED: [&str; 2] = ["print.html", "404.html"];

impl Page {
    fn parse(html: &str) -> Page {
        let mut page = Page::default();
        for Ok(token) in Tokenizer::new(html) {
            if let Token::StartTag(tag) = token {
                page.ids.extend(attribute(&tag, "id"));
                page.links.extend(attribute(&tag, "href"));
                page.links.extend(attribute(&tag, "src"));
            }
        }
        page
    }
}

fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    let value = tag.attributes.get(name.as_bytes())?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// One line for each link that leads nowhere. `exists` answers for files that are not pages.
fn broken_links(pages: &BTreeMap<PathBuf, Page>, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, page) in pages {
        for link in page.links.iter().filter(|link| !leaves_the_book(link)) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = resolve(name, path.split('?').next().unwrap_or(""));
            let found = match pages.get(&target) {
                Some(page) => anchor.is_empty() || page.ids.contains(anchor),
                None => exists(&target),
            };
            if !found {
                broken.push(format!("{}: broken link: {link}", name.display()));
            }
        }
    }
    broken
}

fn leaves_the_book(link: &str) -> bool {
    ["http:", "https:", "mailto:", "data:", "javascript:"].iter().any(|scheme| link.starts_with(scheme))
}

/// The file that a link means, seen from the page that has it. An empty path is the page itself.
fn resolve(page: &Path, path: &str) -> PathBuf {
    if path.is_empty() {
        return page.to_path_buf();
    }
    let mut resolved = page.parent().unwrap_or(Path::new("")).to_path_buf();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => _ = resolved.pop(),
            Component::Normal(name) => resolved.push(name),
            _ => {}
        }
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with the page `a/one.html`, next to `two.html` with an id and the file `picture.svg`.
    fn broken(html: &str) -> Vec<String> {
        let two = Page::parse("<h2 id='here'>x</h2>");
        let pages = BTreeMap::from([("a/one.html".into(), Page::parse(html)), ("two.html".into(), two)]);
        broken_links(&pages, |path| path == Path::new("picture.svg"))
    }

    #[test]
    fn a_link_to_a_missing_page_is_found() {
        assert_eq!(broken("<a href='three.html'>"), ["a/one.html: broken link: three.html"]);
        assert_eq!(broken("<img src='two.html'>").len(), 1);
    }

    #[test]
    fn a_link_to_a_missing_anchor_is_found() {
        assert_eq!(broken("<a href='../two.html#there'>").len(), 1);
        assert_eq!(broken("<p id='x'><a href='#y'>").len(), 1);
    }

    #[test]
    fn good_links_and_web_links_pass() {
        assert!(broken("<p id='x'><a href='#x'><a href='../two.html#here'><img src='../picture.svg'>").is_empty());
        assert!(broken("<a href='https://example.org/#x'>").is_empty());
    }
}
