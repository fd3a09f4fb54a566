//! Engines that have images: how each is told to bring one and to forget all.

use std::{
    env, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    image::{self, Image},
    place,
    registry::Registry,
};

/// How an image comes.
#[derive(Clone, Copy)]
pub(crate) enum Verb {
    Pull,
    Load,
}

impl Verb {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Load => "load",
        }
    }
}

/// One engine.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    program: PathBuf,
    environment: Vec<(&'static str, PathBuf)>,
    pull: &'static [&'static str],
    load: &'static [&'static str],
    forget: &'static [&'static [&'static str]],
}

impl Contender {
    /// conex, and the peers that are here.
    pub(crate) fn all(state: &Path) -> Vec<Self> {
        let environment = vec![("CONEX_ROOT", state.join("conex")), ("CONEX_RUN_ROOT", state.join("conex-run"))];
        let program = if place::is_inside() { place::program() } else { env!("CARGO_BIN_EXE_conex").into() };
        let conex = Self {
            name: "conex",
            program,
            environment,
            pull: &["pull", "-q"],
            load: &["load", "-q", "-i"],
            forget: &[&["image", "prune", "-a"]],
        };
        let peers = [
            Self {
                name: "docker",
                program: "docker".into(),
                environment: Vec::new(),
                pull: &["pull", "-q"],
                load: &["load", "-q", "-i"],
                forget: &[&["image", "prune", "-a", "-f"]],
            },
            Self {
                name: "podman",
                program: "podman".into(),
                environment: Vec::new(),
                pull: &["pull", "-q", "--tls-verify=false"],
                load: &["load", "-q", "-i"],
                forget: &[&["image", "prune", "-a", "-f"]],
            },
        ];
        // One that can't run containers in that host may still have images.
        let peers = peers.into_iter().filter(|_| env::var_os("CONEX_PEER_DOCKER").is_some());
        std::iter::once(conex).chain(peers).collect()
    }

    /// Whether it works, tried once; if not, why is said.
    pub(crate) fn can(&self, verb: Verb, what: &str) -> bool {
        let tried = self.time(verb, what);
        tried.inspect_err(|error| place::say(&format!("{} {}: skipped: {error}", self.name, verb.word()))).is_ok()
    }

    /// From a store without images.
    pub(crate) fn time(&self, verb: Verb, what: &str) -> io::Result<Duration> {
        self.forget.iter().try_for_each(|words| self.run(words))?;
        let words = match verb {
            Verb::Pull => self.pull,
            Verb::Load => self.load,
        };
        let started = Instant::now();
        self.run(&[words, &[what]].concat())?;
        Ok(started.elapsed())
    }

    /// To its end; what it says is told only if it fails.
    pub(crate) fn run(&self, words: &[&str]) -> io::Result<()> {
        let mut command = Command::new(&self.program);
        command.args(words).envs(self.environment.iter().map(|(key, value)| (key, value))).stdin(Stdio::null());
        let output = command.output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(io::Error::other(format!("{} {}: {}: {said}", self.name, words.join(" "), output.status)))
    }
}

/// Brings the image into the registry.
pub(crate) fn push(conex: &Contender, image: &Image, registry: &Registry) -> io::Result<()> {
    conex.run(&["load", "-q", "-i", &image.archive.to_string_lossy()])?;
    conex.run(&["tag", image::NAME, &registry.name()])?;
    conex.run(&["push", "-q", &registry.name()])
}
