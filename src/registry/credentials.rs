//! Who the user is, and where: docker's `config.json`, and the programs that keep passwords for it. A program that fails
//! is an error, never a reason to ask as a stranger or with somebody else's password (CVE-2021-41092).

use std::{
    fs::{self, DirBuilder, File},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{keychain::Keychain, secret::Secret};
use crate::{
    failure::{Failure, Result},
    files,
};

/// What a user shows at a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// A name and a password.
    Password {
        /// The name.
        user: String,
        /// The password, or a token in its place.
        password: Secret,
    },
    /// What a registry gave him once for his password.
    Identity(Secret),
}

/// Docker's file of a user, which may not be there.
#[derive(Clone, Debug, Default)]
pub struct Logins {
    file: PathBuf,
}

/// The key that docker has for the Hub since there were registries of version 1.
const HUB_KEY: &str = "https://index.docker.io/v1/";

impl Logins {
    /// Those of a `config.json`.
    #[must_use]
    pub fn of(file: &Path) -> Self {
        Self { file: file.to_owned() }
    }

    /// The login for a host, if there is one.
    pub fn find(&self, host: &str) -> Result<Option<Login>> {
        let config = self.read()?;
        let key = key(host);
        if let Some(helper) = helper(&config, host)? {
            return helper.get(key);
        }
        let Some(auths) = config.get("auths").and_then(Value::as_object) else { return Ok(None) };
        // Old clients wrote URLs where ours and docker's write hosts.
        let found =
            auths.get(key).or_else(|| auths.iter().find(|(name, _)| host_of(name) == host).map(|(_, auth)| auth));
        let failed = || Failure::new(format!("read {}: the login for {host} is damaged", self.file.display()));
        found.map_or(Ok(None), |auth| read_auth(auth).ok_or_else(failed).map(none_if_empty))
    }

    /// Keeps a login, in place of an older one.
    pub fn save(&self, host: &str, login: &Login) -> Result<()> {
        let _lock = self.lock()?;
        let mut config = self.read()?;
        let key = key(host);
        // With a helper, an empty entry tells that there is a login.
        let entry = match helper(&config, host)? {
            Some(helper) => {
                helper.store(key, login)?;
                json!({})
            }
            None => write_auth(login),
        };
        let auths = config.entry("auths").or_insert_with(|| json!({}));
        let auths = auths.as_object_mut().ok_or_else(|| self.failed("auths is no object"))?;
        auths.insert(key.to_owned(), entry);
        self.write(&config)
    }

    /// Forgets a login; whether there was one.
    pub fn forget(&self, host: &str) -> Result<bool> {
        let _lock = self.lock()?;
        let mut config = self.read()?;
        let key = key(host);
        if let Some(helper) = helper(&config, host)? {
            helper.erase(key)?;
        }
        let auths = config.get_mut("auths").and_then(Value::as_object_mut);
        let Some(auths) = auths else { return Ok(false) };
        let before = auths.len();
        auths.retain(|name, _| name != key && host_of(name) != host);
        let forgotten = auths.len() < before;
        if forgotten {
            self.write(&config)?;
        }
        Ok(forgotten)
    }

    fn read(&self) -> Result<Map<String, Value>> {
        files::read_json(&self.file).map(Option::unwrap_or_default)
    }

    /// Whole, mode 0600, and where a link leads to: dotfiles are often linked.
    fn write(&self, config: &Map<String, Value>) -> Result<()> {
        let text = serde_json::to_vec_pretty(config).map_err(|error| self.failed(&error.to_string()))?;
        let file = fs::canonicalize(&self.file).unwrap_or_else(|_| self.file.clone());
        files::write(&file, &text, 0o600)
    }

    /// Two logins at once must not lose one. The directory is there afterwards.
    fn lock(&self) -> Result<File> {
        let directory = self.file.parent().unwrap_or(Path::new("."));
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        let locked = made.and_then(|()| File::open(directory)).and_then(|opened| opened.lock().map(|()| opened));
        locked.map_err(|error| Failure::io(format_args!("lock {}", directory.display()), &error))
    }

    fn failed(&self, why: &str) -> Failure {
        Failure::new(format!("change {}: {why}", self.file.display()))
    }
}

fn key(host: &str) -> &str {
    if host == "docker.io" { HUB_KEY } else { host }
}

/// The host of a key, with its port.
fn host_of(key: &str) -> &str {
    if key == HUB_KEY {
        return "docker.io";
    }
    let rest = key.split_once("://").map_or(key, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// The program for a host, or that for all.
fn helper(config: &Map<String, Value>, host: &str) -> Result<Option<Keychain>> {
    let own = config.get("credHelpers").and_then(|helpers| helpers.get(key(host)).or_else(|| helpers.get(host)));
    let name = own.or_else(|| config.get("credsStore")).and_then(Value::as_str);
    name.filter(|name| !name.is_empty()).map(Keychain::named).transpose()
}

/// `{"auth": base64 of user:password}`, perhaps with an `identitytoken`.
fn read_auth(auth: &Value) -> Option<Login> {
    let text = |key: &str| auth.get(key).and_then(Value::as_str).unwrap_or_default();
    if !text("identitytoken").is_empty() {
        return Some(Login::Identity(Secret::new(text("identitytoken"))));
    }
    let decoded = STANDARD.decode(text("auth").trim_end_matches('\0')).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (user, password) = match decoded.as_str() {
        "" => (text("username"), text("password")),
        pair => pair.split_once(':')?,
    };
    Some(Login::Password { user: user.to_owned(), password: Secret::new(password.trim_end_matches('\0')) })
}

/// An empty entry is what a helper leaves behind.
fn none_if_empty(login: Login) -> Option<Login> {
    Some(login).filter(|login| !matches!(login, Login::Password { user, .. } if user.is_empty()))
}

fn write_auth(login: &Login) -> Value {
    match login {
        Login::Password { user, password } => json!({ "auth": basic(user, password) }),
        // Docker wants a name in front, and takes none for one.
        Login::Identity(token) => json!({ "auth": STANDARD.encode("<token>:"), "identitytoken": token.reveal() }),
    }
}

/// A name and a password as HTTP and docker's file have them.
pub(super) fn basic(user: &str, password: &Secret) -> String {
    STANDARD.encode(format!("{user}:{}", password.reveal()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A file of logins with this text, and its directory, which the caller removes.
    fn logins(name: &str, text: &str) -> (Logins, PathBuf) {
        let directory = std::env::temp_dir().join(format!("conex-logins-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("the temporary directory is writable");
        let file = directory.join("config.json");
        fs::write(&file, text).expect("written");
        (Logins::of(&file), directory)
    }

    fn password(user: &str, password: &str) -> Login {
        Login::Password { user: user.to_owned(), password: Secret::new(password) }
    }

    #[test]
    fn logins_of_docker_s_are_found() {
        let (logins, directory) = logins(
            "found",
            r#"{"auths": {"https://index.docker.io/v1/": {"auth": "dTpwOnc="}, "https://old.example/v1/": {"auth": "YTpi"},
                "r:5000": {"auth": "PHRva2VuPjo=", "identitytoken": "t"}, "empty": {}, "bad": {"auth": "%"}}}"#,
        );
        let find = |host: &str| logins.find(host).expect("readable");
        assert_eq!(find("docker.io"), Some(password("u", "p:w")));
        assert_eq!(find("old.example"), Some(password("a", "b")));
        assert_eq!(find("r:5000"), Some(Login::Identity(Secret::new("t"))));
        assert_eq!((find("empty"), find("r"), find("index.docker.io")), (None, None, None));
        assert!(logins.find("bad").expect_err("damaged").to_string().ends_with("the login for bad is damaged"));
        fs::remove_dir_all(directory).expect("removed");
    }

    #[test]
    fn a_login_is_kept_in_a_file_of_the_user_s_and_all_else_stays() {
        let (logins, directory) = logins("kept", r#"{"HttpHeaders": {"a": "b"}, "auths": {"x": {"auth": "YTpi"}}}"#);
        logins.save("docker.io", &password("u", "p")).expect("saved");
        logins.save("r:5000", &Login::Identity(Secret::new("t"))).expect("saved");
        assert_eq!(logins.find("docker.io").expect("readable"), Some(password("u", "p")));
        assert_eq!(logins.find("r:5000").expect("readable"), Some(Login::Identity(Secret::new("t"))));
        let mode = fs::metadata(&logins.file).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let config = logins.read().expect("readable");
        assert_eq!((&config["HttpHeaders"]["a"], &config["auths"]["x"]["auth"]), (&json!("b"), &json!("YTpi")));
        assert!(logins.forget("docker.io").expect("writable") && !logins.forget("docker.io").expect("writable"));
        assert_eq!(logins.find("docker.io").expect("readable"), None);
        fs::remove_dir_all(directory).expect("removed");
    }

    #[test]
    fn cve_2021_41092_a_helper_that_is_missing_is_an_error_and_no_stranger() {
        let text = r#"{"credsStore": "conex-no-such", "auths": {"r": {"auth": "YTpi"}}}"#;
        let (logins, directory) = logins("missing", text);
        let why = logins.find("r").expect_err("no such helper").to_string();
        assert_eq!(why, "run docker-credential-conex-no-such: ENOENT (No such file or directory)");
        logins.save("r", &password("u", "p")).expect_err("nor is the password written elsewhere");
        assert!(!fs::read_to_string(&logins.file).expect("there").contains(&basic("u", &Secret::new("p"))));
        fs::remove_dir_all(directory).expect("removed");
    }
}
