//! Debian's archive with one suite of our choice, through a package list of our own: what apt knows of this machine, and
//! what it knows of others, stays as it is. See apt.conf(5).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::run;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// One suite, in a directory that holds all that apt writes.
pub(crate) struct Apt {
    home: PathBuf,
}

impl Apt {
    /// Fetches the suite's list of packages.
    pub(crate) fn new(home: &Path, suite: &str) -> Result<Self> {
        let targets = ["indextargets", "--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages"];
        let mirror = run::output(Command::new("apt-get").args(targets)).context("ask apt for its mirrors")?;
        let mirror = mirror_of_debian(&mirror).context("apt knows no mirror of Debian here")?;
        for directory in ["lists/partial", "archives/partial"] {
            fs::create_dir_all(home.join(directory))?;
        }
        fs::write(home.join("sources.list"), format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n"))?;
        fs::write(home.join("options"), options(home))?;
        let apt = Self { home: home.to_owned() };
        run::output(apt.command("apt-get").arg("update")).with_context(|| format!("list the packages of {suite}"))?;
        Ok(apt)
    }

    /// What the list says of a package, one field a line. See deb-control(5).
    pub(crate) fn show(&self, package: &str) -> Result<String> {
        run::output(self.command("apt-cache").args(["show", "--no-all-versions", package]))
    }

    /// Fetches a package, checked against the list; where it is then.
    pub(crate) fn download(&self, package: &str) -> Result<PathBuf> {
        run::output(self.command("apt-get").args(["download", package]))?;
        let mut files = fs::read_dir(&self.home)?.filter_map(Result::ok).map(|entry| entry.path());
        let file = files.find(|path| path.extension().is_some_and(|extension| extension == "deb"));
        file.with_context(|| format!("apt-get download {package} left no file"))
    }

    /// With options that are read after the machine's own.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(["-qq", "--config-file=options"]).current_dir(&self.home);
        command
    }
}

/// Where apt looks and writes. Whatever else is installed or wished for on this machine is no business of the suite's; and
/// the user whom root's apt fetches as may have no way into our directory.
fn options(home: &Path) -> String {
    let home = home.display();
    format!(
        r#"Dir::Etc::sourcelist "{home}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::status "/dev/null";
Dir::State::lists "{home}/lists";
Dir::Cache::archives "{home}/archives";
Dir::Cache::pkgcache "{home}/pkgcache.bin";
Dir::Cache::srcpkgcache "{home}/srcpkgcache.bin";
APT::Sandbox::User "root";
Acquire::Languages "none";
"#
    )
}

/// Of lines `LABEL URI`, in a machine's order, the archive itself: security has another label. Before the machine's first
/// `apt-get update` labels are not known, and the name of the directory has to do.
fn mirror_of_debian(targets: &str) -> Option<&str> {
    let targets = || targets.lines().filter_map(|line| line.split_once(' '));
    let labelled = targets().find(|(label, _)| *label == "Debian");
    let named = || targets().find(|(_, uri)| uri.trim_end_matches('/').ends_with("/debian"));
    labelled.or_else(named).map(|(_, uri)| uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_first_with_debian_s_label() {
        let targets = "Debian-Security m:/debian-security/\nnode m:/n/\nDebian m:/pool/\nDebian m:/debian/\n";
        assert_eq!(mirror_of_debian(targets), Some("m:/pool/"));
    }

    #[test]
    fn without_labels_it_is_known_by_its_directory() {
        let targets = "$(LABEL) m:/debian-security/\n$(LABEL) m:/n/\n m:/debian/\n";
        assert_eq!(mirror_of_debian(targets), Some("m:/debian/"));
        assert_eq!(mirror_of_debian("Ubuntu m:/ubuntu/\n"), None);
        assert_eq!(mirror_of_debian(""), None);
    }
}
