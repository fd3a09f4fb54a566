//! The table of the peers: which there are, how each shows that it can run a container, and the list that people see.

use std::process::Command;

use anyhow::Result;

use super::{buildah, docker, podman, runtime};
use crate::{run, say::say};

/// A program that judges conex.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// What does the work and knows the version.
    program: &'static str,
    /// Gets it ready and runs a container, inside the host; why that fails, if it does.
    pub(crate) start: fn() -> Result<()>,
}

/// In the order of starting: buildah takes the image that podman has stored.
pub(crate) const PEERS: [Peer; 5] = [
    Peer { name: "docker", program: "dockerd", start: docker::start },
    Peer { name: "podman", program: "podman", start: podman::start },
    Peer { name: "buildah", program: "buildah", start: buildah::start },
    Peer { name: "crun", program: "crun", start: || runtime::start("crun") },
    Peer { name: "runc", program: "runc", start: || runtime::start("runc") },
];

impl Peer {
    /// The environment variable that is 1 for the command where this peer can be used.
    pub(crate) fn variable(&self) -> String {
        format!("CONEX_PEER_{}", self.name.to_uppercase())
    }

    fn version(&self) -> Result<String> {
        let output = run::output(Command::new(self.program).arg("--version"))?;
        Ok(version(&output).to_owned())
    }
}

/// Prints a line for each peer: its version, and what came of `attempt`.
pub(crate) fn list(attempt: impl Fn(&Peer) -> Result<()>) {
    for peer in &PEERS {
        let line = match peer.version().and_then(|version| Ok((version, attempt(peer)?))) {
            Ok((version, ())) => format!("{version:<16} runs containers"),
            Err(error) => format!("{:<16} {error:#}", peer.version().as_deref().unwrap_or("-")),
        };
        say(&format!("{:<8} {line}", peer.name));
    }
}

/// The version in the first line of what `--version` prints: `crun version 1.8.1`, `Docker version 20.10.24, build x`.
fn version(output: &str) -> &str {
    let word = output.lines().next().and_then(|line| line.split(' ').nth(2)).unwrap_or("?");
    word.trim_end_matches(',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_third_word() {
        assert_eq!(version("crun version 1.8.1\ncommit: f8a096be\n"), "1.8.1");
        assert_eq!(version("Docker version 20.10.24+dfsg1, build 5d6db84\n"), "20.10.24+dfsg1");
        assert_eq!(version(""), "?");
    }

    #[test]
    fn a_peer_is_announced_by_its_name_in_capitals() {
        assert_eq!(PEERS[0].variable(), "CONEX_PEER_DOCKER");
    }
}
