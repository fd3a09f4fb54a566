//! Who runs what: cargo as the learner, and only what is built as root. Method: a program named `sudo` that writes down
//! what it is asked for stands first on the PATH.

#![forbid(unsafe_code)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A place with our `sudo` in it, removed when dropped.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let place = Self(std::env::temp_dir().join(format!("conex-rights-{name}-{}", std::process::id())));
        fs::create_dir_all(&place.0).expect("made");
        let sudo = place.0.join("sudo");
        fs::write(&sudo, "#!/bin/sh\necho \"$@\" >> \"$(dirname \"$0\")/asked\"\nshift\nexec \"$@\"\n")
            .expect("written");
        fs::set_permissions(&sudo, fs::Permissions::from_mode(0o755)).expect("a program");
        fs::set_permissions(&place.0, fs::Permissions::from_mode(0o777)).expect("for everybody");
        place
    }

    fn asked(&self) -> Vec<String> {
        fs::read_to_string(self.0.join("asked")).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn workbook(place: &Place, arguments: &[&str], variable: (&str, &str)) -> Output {
    let path = format!("{}:{}", place.0.display(), std::env::var("PATH").expect("a PATH"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_workbook"));
    command.args(arguments).env("PATH", path).env("CARGO", env!("CARGO")).env(variable.0, variable.1);
    command.output().expect("it starts")
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn cargo_under_sudo_is_refused_in_words() {
    let place = Place::new("refused");
    let refused = workbook(&place, &["run", "--", "version"], ("SUDO_UID", "4242"));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    if is_root() {
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.starts_with("error: cargo runs under sudo: start it as yourself"), "{said}");
    } else {
        assert!(refused.status.success(), "a user's own SUDO_UID means nothing: {said}");
    }
}

/// Method: the decision itself, since the tests of CI run as root, for whom there is nothing to ask.
#[test]
fn only_what_was_built_is_given_to_sudo_and_only_by_a_user() {
    let place = Place::new("built");
    let command = workbook::built::as_root(Path::new("/built/checker"));
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    if is_root() {
        assert_eq!(words, ["/built/checker"]);
        let run = workbook(&place, &["run", "--sudo", "--", "version"], ("X", "y"));
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        assert_eq!(place.asked(), Vec::<String>::new());
    } else {
        assert_eq!(words, ["sudo", "--", "/built/checker"]);
        let run = workbook(&place, &["run", "--sudo", "--", "version"], ("X", "y"));
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let asked = place.asked();
        assert!(asked.len() == 1 && asked[0].starts_with("-- ") && asked[0].ends_with("/conex version"), "{asked:?}");
    }
}
