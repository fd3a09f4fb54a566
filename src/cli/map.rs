//! `conex map`: what the kernel holds for a container, as a tree, each branch with the chapter that builds it.

mod kernel;

use std::fmt::Display;

use clap::Args;
use serde::Serialize;

use super::say::say_all;
use crate::{Choices, Engine, Failure, Result, State};
use kernel::{Cgroup, Link, Mount, Namespace, Process};

/// Show what the kernel holds for a container
#[derive(Args, Debug)]
pub(super) struct MapArgs {
    /// As JSON
    #[arg(long)]
    json: bool,
    /// A name, an id, or the beginning of an id
    #[arg(value_name = "CONTAINER")]
    container: String,
}

/// All of it. Of one that does not run, only what lies on disk.
#[derive(Serialize)]
struct Map {
    id: String,
    name: String,
    state: &'static str,
    processes: Branch<Process>,
    namespaces: Branch<Namespace>,
    cgroups: Branch<Cgroup>,
    mounts: Branch<Mount>,
    layers: Branch<String>,
    links: Branch<Link>,
}

/// Things of one kind, and the chapter that teaches them.
#[derive(Serialize)]
struct Branch<T> {
    chapter: u8,
    all: Vec<T>,
}

pub(super) fn main(arguments: &MapArgs, engine: &Engine) -> Result<u8> {
    let map = Map::read(&arguments.container, engine)?;
    if arguments.json {
        let text = serde_json::to_string_pretty(&map).map_err(|error| Failure::new(format!("write JSON: {error}")))?;
        say_all(&[text]);
    } else {
        say_all(&map.lines());
    }
    Ok(0)
}

impl Map {
    fn read(word: &str, engine: &Engine) -> Result<Self> {
        let id = engine.find(word)?;
        let (choices, state) = (Choices::read(engine.paths(), &id)?, State::read(engine.paths(), &id)?);
        let first = state.process.as_ref().filter(|process| process.hold().is_some()).map(|process| process.pid);
        let mut map = Self {
            id: id.as_str().to_owned(),
            name: engine.name(&id).map_or_else(String::new, |name| name.as_str().to_owned()),
            state: state.word(),
            processes: Branch { chapter: 1, all: Vec::new() },
            namespaces: Branch { chapter: 1, all: Vec::new() },
            cgroups: Branch { chapter: 2, all: Vec::new() },
            mounts: Branch { chapter: 3, all: Vec::new() },
            layers: Branch { chapter: 4, all: layers(&choices, engine)? },
            links: Branch { chapter: 6, all: Vec::new() },
        };
        if let Some(first) = first {
            map.processes.all = kernel::processes(&engine.processes(&id)?);
            map.namespaces.all = kernel::namespaces(first, &id, engine)?;
            map.cgroups.all = kernel::cgroups(&engine.cgroups(&id)?);
            map.mounts.all = kernel::mounts(first);
            map.links.all = kernel::links(first);
        }
        Ok(map)
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} {} {}", self.name, &self.id[..12], self.state)];
        let branches = [
            self.processes.texts("processes"),
            self.namespaces.texts("namespaces"),
            self.cgroups.texts("cgroups"),
            self.mounts.texts("mounts"),
            self.layers.texts("layers"),
            self.links.texts("links"),
        ];
        let branches: Vec<Vec<String>> = branches.into_iter().filter(|branch| branch.len() > 1).collect();
        for (number, branch) in branches.iter().enumerate() {
            draw(branch, number + 1 == branches.len(), &mut lines);
        }
        lines
    }
}

impl<T: Display> Branch<T> {
    /// What it is called, and what is on it; an empty one is its name alone.
    fn texts(&self, name: &str) -> Vec<String> {
        let title = format!("{name} (chapter {})", self.chapter);
        std::iter::once(title).chain(self.all.iter().map(ToString::to_string)).collect()
    }
}

/// A branch and its twigs. What a twig says in more lines than one hangs below its first.
fn draw(branch: &[String], is_last: bool, lines: &mut Vec<String>) {
    let [title, twigs @ ..] = branch else { return };
    let (fork, beside) = if is_last { ("└─", "  ") } else { ("├─", "│ ") };
    lines.push(format!("{fork} {title}"));
    for (number, twig) in twigs.iter().enumerate() {
        let (fork, below) = if number + 1 == twigs.len() { ("└─", "  ") } else { ("├─", "│ ") };
        let mut texts = twig.lines();
        lines.push(format!("{beside} {fork} {}", texts.next().unwrap_or_default()));
        lines.extend(texts.map(|text| format!("{beside} {below}   {text}")));
    }
}

/// The highest first, as an overlay shows them: what the container wrote, then its image's.
fn layers(choices: &Choices, engine: &Engine) -> Result<Vec<String>> {
    let (paths, id) = (engine.paths(), choices.id()?);
    let own = [paths.upper(&id), paths.copy(&id)].into_iter().filter(|path| path.is_dir());
    let own = own.map(|path| format!("{} (its own)", path.display()));
    let shared = choices.layers.iter().rev().map(|path| path.display().to_string());
    let root = choices.rootfs.iter().map(|path| format!("{} (a directory of yours)", path.display()));
    Ok(own.chain(shared).chain(root).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_its_branches_and_twigs() {
        let branch = |name: &str, twigs: &[&str]| {
            std::iter::once(name).chain(twigs.iter().copied()).map(str::to_owned).collect::<Vec<_>>()
        };
        let mut lines = Vec::new();
        draw(&branch("one", &["a\nb", "c"]), false, &mut lines);
        draw(&branch("two", &["d"]), true, &mut lines);
        assert_eq!(lines, ["├─ one", "│  ├─ a", "│  │    b", "│  └─ c", "└─ two", "   └─ d"]);
    }
}
