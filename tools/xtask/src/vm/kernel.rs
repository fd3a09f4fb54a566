//! A kernel of Debian's: its package, unpacked below the build directory and never installed. It stays there until that
//! directory is removed; what a package without a version in its name stands for is decided when it is fetched.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    str::FromStr,
};

use anyhow::{Context, Result, bail};

use super::apt::Apt;
use crate::{run, say::say};

/// What `--kernel` means without a suite: Debian 12.
const SUITE: &str = "bookworm";

/// A package and the suite that it comes from, written `PACKAGE/SUITE`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Source {
    package: String,
    suite: String,
}

impl FromStr for Source {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (package, suite) = text.split_once('/').unwrap_or((text, SUITE));
        // Both become names of directories: only what a package's name may have, see deb-control(5).
        let sound = |name: &str| {
            name.starts_with(|first: char| first.is_ascii_alphanumeric())
                && name.chars().all(|one| one.is_ascii_alphanumeric() || "+-.".contains(one))
        };
        if !sound(package) || !sound(suite) {
            bail!("not PACKAGE or PACKAGE/SUITE");
        }
        Ok(Self { package: package.into(), suite: suite.into() })
    }
}

/// An unpacked kernel.
pub(crate) struct Kernel {
    /// For whatever is made of it, too.
    pub(crate) directory: PathBuf,
    /// `6.1.0-50-cloud-amd64`, which is the name that `uname -r` says.
    pub(crate) release: String,
}

impl Kernel {
    /// Fetches the kernel, if it is not there yet.
    pub(crate) fn obtain(source: &Source) -> Result<Self> {
        let directory = run::target().join("vm/kernels").join(&source.suite).join(&source.package);
        if !directory.exists() {
            fetch(source, &directory).with_context(|| format!("fetch {} of {}", source.package, source.suite))?;
        }
        let boot = fs::read_dir(directory.join("boot")).with_context(|| format!("list {}", directory.display()))?;
        let mut files = boot.filter_map(Result::ok).map(|entry| entry.file_name().to_string_lossy().into_owned());
        let release = files.find_map(|name| Some(name.strip_prefix("vmlinuz-")?.to_owned()));
        let release = release.with_context(|| format!("{} holds no kernel", source.package))?;
        Ok(Self { directory, release })
    }

    /// The file that a machine boots.
    pub(crate) fn image(&self) -> PathBuf {
        self.directory.join("boot").join(format!("vmlinuz-{}", self.release))
    }

    /// The directory that has `modules.order`. Newer packages have it below /usr.
    pub(crate) fn modules(&self) -> Result<PathBuf> {
        let places = ["lib/modules", "usr/lib/modules"];
        let mut places = places.iter().map(|place| self.directory.join(place).join(&self.release));
        places.find(|place| place.exists()).context("it has no modules")
    }
}

/// In a directory aside, which gets its name when all is there: a half-fetched kernel is never taken for one.
fn fetch(source: &Source, to: &Path) -> Result<()> {
    let making = run::target().join("vm").join(format!("fetching-{}", std::process::id()));
    let done = fetch_aside(source, &making).and_then(|tree| {
        fs::create_dir_all(to.parent().unwrap_or(to))?;
        // Somebody else may have fetched it meanwhile; theirs is as good.
        fs::rename(tree, to).or_else(|error| if to.exists() { Ok(()) } else { Err(error) })?;
        Ok(())
    });
    // After a failure nothing need be there; leaving it behind would harm nobody either.
    let _ = fs::remove_dir_all(&making);
    done
}

fn fetch_aside(source: &Source, home: &Path) -> Result<PathBuf> {
    let apt = Apt::new(home, &source.suite)?;
    let shown = apt.show(&source.package)?;
    let package = stands_for(&shown).unwrap_or(&source.package);
    say(&format!("fetching {package} of {}", source.suite));
    let (file, tree) = (apt.download(package)?, home.join("tree"));
    run::output(Command::new("dpkg-deb").arg("--extract").args([&file, &tree]))?;
    Ok(tree)
}

/// The kernel that a package without one of its own depends on.
fn stands_for(shown: &str) -> Option<&str> {
    let depends = shown.lines().find_map(|line| line.strip_prefix("Depends: "))?;
    depends
        .split([',', '|'])
        .filter_map(|item| item.split_whitespace().next())
        .find(|name| name.starts_with("linux-image-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_package_with_or_without_its_suite() {
        let source = |package: &str, suite: &str| Source { package: package.into(), suite: suite.into() };
        let parse = |text: &str| text.parse::<Source>().ok();
        assert_eq!(parse("linux-image-a"), Some(source("linux-image-a", SUITE)));
        assert_eq!(parse("linux-image-6.12+b/b-backports"), Some(source("linux-image-6.12+b", "b-backports")));
        for text in ["", "a/", "/b", "a/b/c", "../a", "a/..", "-a", "a b"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_package_may_stand_for_another() {
        let shown = "Package: linux-image-cloud-amd64\nDepends: linux-image-6.1.0-50-cloud-amd64 (= 6.1.176-1)\n";
        assert_eq!(stands_for(shown), Some("linux-image-6.1.0-50-cloud-amd64"));
        assert_eq!(stands_for("Depends: kmod, linux-base (>= 4.3~), initramfs-tools (>= 0.1) | x\n"), None);
        assert_eq!(stands_for("Package: a\n"), None);
    }
}
