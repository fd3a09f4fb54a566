//! A program that keeps passwords, `docker-credential-NAME`: one word says what to do, JSON goes in and comes out. See the
//! docker-credential-helpers project.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use serde::Deserialize;
use serde_json::json;

use super::{credentials::Login, secret::Secret};
use crate::failure::{Failure, Result};

/// Which program.
pub(super) struct Keychain {
    program: String,
}

/// What it says of a server.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// What all of them print where there is nothing.
const NOTHING: &str = "credentials not found in native keychain";
/// The name of a user whose password is an identity token.
const TOKEN_USER: &str = "<token>";

impl Keychain {
    pub(super) fn named(name: &str) -> Result<Self> {
        match name.contains('/') {
            true => Err(Failure::new(format!("{name:?} can't be a credential helper: it is a path"))),
            false => Ok(Self { program: format!("docker-credential-{name}") }),
        }
    }

    /// The login for a server, if it has one.
    pub(super) fn get(&self, server: &str) -> Result<Option<Login>> {
        let output = self.run("get", server)?;
        if !output.status.success() {
            let nothing = String::from_utf8_lossy(&output.stdout).trim() == NOTHING;
            return if nothing { Ok(None) } else { Err(self.failed("get", &output)) };
        }
        // What was printed may be a secret: only the place of the error is told.
        let answer: Answer = serde_json::from_slice(&output.stdout)
            .map_err(|_| Failure::new(format!("{} get: it prints something else than a login", self.program)))?;
        let secret = Secret::new(answer.secret);
        Ok(Some(match answer.username.as_str() {
            TOKEN_USER => Login::Identity(secret),
            user => Login::Password { user: user.to_owned(), password: secret },
        }))
    }

    /// Keeps a login.
    pub(super) fn store(&self, server: &str, login: &Login) -> Result<()> {
        let (user, secret) = match login {
            Login::Password { user, password } => (user.as_str(), password),
            Login::Identity(token) => (TOKEN_USER, token),
        };
        let input = json!({ "ServerURL": server, "Username": user, "Secret": secret.reveal() });
        self.succeed("store", &input.to_string())
    }

    /// Forgets the login for a server.
    pub(super) fn erase(&self, server: &str) -> Result<()> {
        self.succeed("erase", server)
    }

    fn succeed(&self, word: &str, input: &str) -> Result<()> {
        let output = self.run(word, input)?;
        if output.status.success() { Ok(()) } else { Err(self.failed(word, &output)) }
    }

    fn run(&self, word: &str, input: &str) -> Result<Output> {
        let failed = |error: std::io::Error| Failure::io(format_args!("run {}", self.program), &error);
        let mut command = Command::new(&self.program);
        command.arg(word).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that does not read says by its status what is wrong.
            let _ = stdin.write_all(input.as_bytes());
        }
        child.wait_with_output().map_err(failed)
    }

    /// By its protocol a helper that fails prints why.
    fn failed(&self, word: &str, output: &Output) -> Failure {
        let text = String::from_utf8_lossy(&output.stdout);
        let line: String =
            text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect();
        let why = if line.is_empty() { output.status.to_string() } else { line };
        Failure::new(format!("{} {word}: {why}", self.program))
    }
}
