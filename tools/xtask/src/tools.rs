//! The programs that `lint` needs beyond cargo's own, installed into `target/tools` as pinned in `tools.toml`.
//! Built without optimisation: each runs for a moment, and building it is what takes the time.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{run, say::say};

const PINS: &str = include_str!("../tools.toml");

/// One table of `tools.toml`.
struct Pin {
    name: String,
    from: String,
    version: String,
    arguments: Vec<String>,
}

/// A command that starts the named tool in the root of the repository, installed first if it is not there as pinned.
pub(crate) fn command(name: &str) -> Result<Command> {
    let pin = Pin::find(PINS, name)?;
    pin.ensure().with_context(|| format!("install {name} {}", pin.version))?;
    let mut command = Command::new(pin.program());
    command.current_dir(run::root()).stdin(Stdio::null());
    Ok(command)
}

impl Pin {
    fn find(pins: &str, name: &str) -> Result<Pin> {
        let pins: toml::Table = pins.parse()?;
        let pin = pins.get(name).with_context(|| format!("tools.toml does not pin {name}"))?;
        let text = |key: &str| Some(pin.get(key)?.as_str()?.to_owned());
        let arguments = pin.get("arguments").and_then(toml::Value::as_array).into_iter().flatten();
        Ok(Pin {
            name: name.to_owned(),
            from: text("from").context("a tool needs `from`")?,
            version: text("version").context("a tool needs `version`")?,
            arguments: arguments.filter_map(|word| Some(word.as_str()?.to_owned())).collect(),
        })
    }

    /// Everything that decides what gets installed; kept beside the program to know when it no longer fits.
    fn record(&self) -> String {
        format!("{} {} {} {}\n", self.from, self.name, self.version, self.arguments.join(" "))
    }

    fn program(&self) -> PathBuf {
        let directory = match self.from.as_str() {
            "pypi" => "venv/bin",
            "npm" => "node_modules",
            _ => "bin",
        };
        home().join(directory).join(&self.name)
    }

    fn ensure(&self) -> Result<()> {
        let record = home().join(format!("{}.pin", self.name));
        if self.program().exists() && fs::read_to_string(&record).is_ok_and(|text| text == self.record()) {
            return Ok(());
        }
        say(&format!("installing {} {} into target/tools", self.name, self.version));
        fs::create_dir_all(home())?;
        match self.from.as_str() {
            "crates.io" => self.build()?,
            "pypi" => self.fetch()?,
            "npm" => self.fetch_module()?,
            other => bail!("tools.toml: cannot install from {other}"),
        }
        fs::write(&record, self.record()).with_context(|| format!("write {}", record.display()))
    }

    /// The build directory stays for the next tool, which shares many dependencies; `drop_build` removes it.
    fn build(&self) -> Result<()> {
        let mut command = run::cargo(&["install", "--quiet", "--locked", "--debug", "--force", "--root"]);
        command.arg(home()).arg(format!("{}@{}", self.name, self.version)).args(&self.arguments);
        command.env("CARGO_TARGET_DIR", build_directory()).env("CARGO_PROFILE_DEV_DEBUG", "0");
        run::run(&mut command)
    }

    fn fetch_module(&self) -> Result<()> {
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]);
        run::run(npm.arg(home()).arg(format!("{}@{}", self.name, self.version)).args(&self.arguments))
    }

    fn fetch(&self) -> Result<()> {
        let venv = home().join("venv");
        run::run(Command::new("python3").args(["-m", "venv"]).arg(&venv)).context("Debian's python3-venv has it")?;
        let mut pip = Command::new(venv.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]);
        run::run(pip.arg(format!("{}=={}", self.name, self.version)).args(&self.arguments))
    }
}

/// The directory with the programs that cargo built.
pub(crate) fn programs() -> PathBuf {
    home().join("bin")
}

/// The directory with npm's modules, the named one among them as pinned.
pub(crate) fn modules(name: &str) -> Result<PathBuf> {
    let pin = Pin::find(PINS, name)?;
    pin.ensure().with_context(|| format!("install {name} {}", pin.version))?;
    Ok(home().join("node_modules"))
}

/// Gives back the room that building took, some 700 MB. Not being there is no error.
pub(crate) fn drop_build() {
    let _ = fs::remove_dir_all(build_directory());
}

fn home() -> PathBuf {
    run::target().join("tools")
}

fn build_directory() -> PathBuf {
    home().join("build")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_that_lint_names_is_pinned() {
        for name in ["mdbook", "mdbook-mermaid", "playwright-core", "cargo-deny", "typos"] {
            assert!(Pin::find(PINS, name).is_ok(), "{name}");
        }
    }

    #[test]
    fn the_record_changes_with_the_version_and_with_the_arguments() {
        let record = |text: &str| Pin::find(text, "a").expect("the pin is whole").record();
        let first = record("[a]\nfrom = 'pypi'\nversion = '1'");
        assert_ne!(first, record("[a]\nfrom = 'pypi'\nversion = '2'"));
        assert_ne!(first, record("[a]\nfrom = 'pypi'\nversion = '1'\narguments = ['--x']"));
    }

    #[test]
    fn a_tool_without_a_version_is_refused() {
        assert!(Pin::find("[a]\nfrom = 'pypi'", "a").is_err());
    }
}
