//! `conex login` and `conex logout`: who the user is at a registry. Kept where docker keeps it.

use std::io::{self, BufRead, Write};

use clap::Args;
use rustix::{
    stdio::stdin,
    termios::{LocalModes, OptionalActions, isatty, tcgetattr, tcsetattr},
};

use super::{
    pull::client,
    say::{complain, say},
};
use crate::{
    Failure, Result,
    registry::{Login as Shown, Secret},
};

/// Log in to a registry
#[derive(Args, Debug)]
pub(super) struct Login {
    /// The user's name
    #[arg(short, long)]
    username: Option<String>,
    /// The password; better given on standard input
    #[arg(short, long)]
    password: Option<String>,
    /// Read the password from standard input
    #[arg(long, conflicts_with = "password")]
    password_stdin: bool,
    /// The registry's host; without one, Docker Hub
    #[arg(value_name = "SERVER")]
    server: Option<String>,
}

/// Log out from a registry
#[derive(Args, Debug)]
pub(super) struct Logout {
    /// The registry's host; without one, Docker Hub
    #[arg(value_name = "SERVER")]
    server: Option<String>,
}

const HUB: &str = "docker.io";

pub(super) fn main(login: &Login) -> Result<u8> {
    let host = host(login.server.as_deref());
    let user = match &login.username {
        Some(user) => user.clone(),
        None if login.password_stdin || !isatty(stdin()) => {
            return Err(
                Failure::new("a user's name is missing").with_hint("conex login -u NAME --password-stdin SERVER")
            );
        }
        None => ask("Username: ")?,
    };
    let password = match &login.password {
        Some(password) => {
            complain("warning: others can see a password on the command line; --password-stdin keeps it to you");
            password.clone()
        }
        None if !login.password_stdin && isatty(stdin()) => unseen(|| ask("Password: "))?,
        None => line()?,
    };
    if user.is_empty() || password.is_empty() {
        return Err(Failure::new("a name and a password are needed"));
    }
    client()?.login(&host, Shown::Password { user, password: Secret::new(password) })?;
    say("Login Succeeded");
    Ok(0)
}

pub(super) fn logout(logout: &Logout) -> Result<u8> {
    let host = host(logout.server.as_deref());
    match client()?.logout(&host)? {
        true => say(&format!("Removing login credentials for {host}")),
        false => say(&format!("Not logged in to {host}")),
    }
    Ok(0)
}

/// As users write a registry: with or without https:// and what comes after the host.
fn host(server: Option<&str>) -> String {
    let server = server.unwrap_or(HUB);
    let host =
        server.trim_start_matches("https://").trim_start_matches("http://").split('/').next().unwrap_or_default();
    if host == "index.docker.io" { HUB.to_owned() } else { host.to_owned() }
}

fn ask(question: &str) -> Result<String> {
    let _ = write!(io::stderr(), "{question}").and_then(|()| io::stderr().flush());
    line()
}

/// Without the end of the line.
fn line() -> Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(|error| Failure::io("read standard input", &error))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// What is typed meanwhile is not shown.
fn unseen<T>(typed: impl FnOnce() -> Result<T>) -> Result<T> {
    let failed = |errno: rustix::io::Errno| Failure::io("set the terminal", &errno.into());
    let before = tcgetattr(stdin()).map_err(failed)?;
    let mut without = before.clone();
    without.local_modes.remove(LocalModes::ECHO);
    tcsetattr(stdin(), OptionalActions::Flush, &without).map_err(failed)?;
    let typed = typed();
    tcsetattr(stdin(), OptionalActions::Flush, &before).map_err(failed)?;
    complain("");
    typed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_its_host() {
        assert_eq!(host(None), "docker.io");
        assert_eq!(host(Some("https://index.docker.io/v1/")), "docker.io");
        assert_eq!(host(Some("https://r.example:5000/v2/")), "r.example:5000");
        assert_eq!(host(Some("localhost:5000")), "localhost:5000");
    }
}
