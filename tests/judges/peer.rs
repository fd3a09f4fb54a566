//! Another engine, as far as images are concerned.

use std::path::PathBuf;

/// Everything panics with what the engine says if it can't.
pub(crate) trait Peer {
    /// Pulls from the registry.
    fn pull(&self, image: &str);
    /// Runs a command, or the image's own; what it prints.
    fn run(&self, image: &str, words: &[&str]) -> String;
    /// Runs a script in a container, which becomes another image.
    fn commit(&self, image: &str, script: &str, name: &str);
    /// Pushes to the registry.
    fn push(&self, image: &str);
    /// Its directories, the lowest layer first.
    fn layers(&self, image: &str) -> Vec<PathBuf>;
}

/// Of the two lines that `inspect` prints in `FORMAT`.
pub(crate) fn directories(told: &str) -> Vec<PathBuf> {
    let directories = told.lines().flat_map(|line| line.split(':')).filter(|path| path.starts_with('/'));
    directories.map(PathBuf::from).rev().collect()
}

/// The uppermost layer, and those below it, the uppermost first.
pub(crate) const FORMAT: &str = "{{.GraphDriver.Data.UpperDir}}\n{{.GraphDriver.Data.LowerDir}}";
