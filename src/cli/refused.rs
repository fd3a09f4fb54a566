//! What docker has and conex has not yet: refused by name, with what it waits for. A test reads docker's help and checks
//! that every verb and flag either works or is here.

use std::ffi::OsString;

use clap::error::{ContextKind, ErrorKind};

use crate::Failure;

/// What something waits for.
const RARE: &str = "hardly a kernel has it today: tell us if yours does, and you need it";
const LATER: &str = "it comes later; tell us if you need it";
const VOLUMES: &str = "volumes come with chapter 5";
const NETWORKS: &str = "networks come with chapter 6";
const BUILDS: &str = "builds come with chapter 7";
const LIFE: &str = "it comes with the next part of the engine";
const HEALTH: &str = "health checks come with the next part of the engine";
const API: &str = "the HTTP API, and what stands on it, comes later";
const NEVER: &str = "it is absent on purpose: see ARCHITECTURE.md";

/// Docker's verbs.
pub(super) const VERBS: [(&str, &str); 23] = [
    ("build", BUILDS),
    ("builder", BUILDS),
    ("buildx", BUILDS),
    ("bake", BUILDS),
    ("checkpoint", NEVER),
    ("compose", API),
    ("config", NEVER),
    ("context", NEVER),
    ("events", LIFE),
    ("manifest", LATER),
    ("network", NETWORKS),
    ("node", NEVER),
    ("plugin", NEVER),
    ("port", NETWORKS),
    ("search", LATER),
    ("secret", NEVER),
    ("service", NEVER),
    ("stack", NEVER),
    ("swarm", NEVER),
    ("system", LIFE),
    ("trust", NEVER),
    ("update", LIFE),
    ("volume", VOLUMES),
];

/// Docker's flags of `run`, short ones with their long form.
pub(super) const RUN_FLAGS: [(&str, &str); 40] = [
    ("--add-host", NETWORKS),
    ("--blkio-weight-device", RARE),
    ("--cpu-count", NEVER),
    ("--cpu-percent", NEVER),
    ("--cpu-rt-period", RARE),
    ("--cpu-rt-runtime", RARE),
    ("--disable-content-trust", NEVER),
    ("--dns", NETWORKS),
    ("--dns-option", NETWORKS),
    ("--dns-search", NETWORKS),
    ("--expose", NETWORKS),
    ("--gpus", NEVER),
    ("--health-cmd", HEALTH),
    ("--health-interval", HEALTH),
    ("--health-retries", HEALTH),
    ("--health-start-interval", HEALTH),
    ("--health-start-period", HEALTH),
    ("--health-timeout", HEALTH),
    ("--io-maxbandwidth", NEVER),
    ("--io-maxiops", NEVER),
    ("--ip", NETWORKS),
    ("--ip6", NETWORKS),
    ("--isolation", NEVER),
    ("--kernel-memory", RARE),
    ("--link", NETWORKS),
    ("--link-local-ip", NETWORKS),
    ("--mac-address", NETWORKS),
    ("--mount", VOLUMES),
    ("--network-alias", NETWORKS),
    ("--no-healthcheck", HEALTH),
    ("--publish", NETWORKS),
    ("-p", NETWORKS),
    ("--publish-all", NETWORKS),
    ("-P", NETWORKS),
    ("--restart", LIFE),
    ("--runtime", NEVER),
    ("--storage-opt", LATER),
    ("--use-api-socket", API),
    ("--userns", LIFE),
    ("--volume", VOLUMES),
];

/// The few that did not fit above: short forms and rare ones.
pub(super) const MORE_RUN_FLAGS: [(&str, &str); 3] =
    [("-v", VOLUMES), ("--volume-driver", VOLUMES), ("--volumes-from", VOLUMES)];

/// Docker's flags of the other verbs that conex has, and those before any verb; its verbs below `image`.
pub(super) const OTHERS: [(&str, &str); 27] = [
    ("--all-tags", LATER),
    ("-a", LATER),
    ("--platform", LATER),
    ("--tree", LATER),
    ("--disable-content-trust", NEVER),
    ("--filter", LIFE),
    ("-f", LIFE),
    ("--format", LIFE),
    ("--link", NETWORKS),
    ("-l", NETWORKS),
    ("--config", NEVER),
    ("--context", NEVER),
    ("-c", NEVER),
    ("--debug", NEVER),
    ("-D", NEVER),
    ("--host", API),
    ("-H", API),
    ("--log-level", NEVER),
    ("--tls", API),
    ("--tlscacert", API),
    ("--tlscert", API),
    ("--tlskey", API),
    ("--tlsverify", API),
    ("build", BUILDS),
    ("--no-trunc", LATER),
    ("--checkpoint", NEVER),
    ("--checkpoint-dir", NEVER),
];

/// The refusal of something of docker's, if that is what was not understood.
pub(super) fn explain(error: &clap::Error, arguments: &[OsString]) -> Option<Failure> {
    let (kind, table): (_, Vec<&(&str, &str)>) = match error.kind() {
        ErrorKind::InvalidSubcommand => (ContextKind::InvalidSubcommand, VERBS.iter().chain(&OTHERS).collect()),
        ErrorKind::UnknownArgument if arguments.iter().any(|word| word == "run" || word == "create") => {
            (ContextKind::InvalidArg, RUN_FLAGS.iter().chain(&MORE_RUN_FLAGS).collect())
        }
        ErrorKind::UnknownArgument => (ContextKind::InvalidArg, OTHERS.iter().collect()),
        _ => return None,
    };
    let word = error.get(kind)?.to_string();
    let (name, why) = table.into_iter().find(|(name, _)| is(name, &word))?;
    let status = if kind == ContextKind::InvalidSubcommand { 1 } else { 125 };
    Some(Failure { message: format!("{name} does not work yet"), hint: Some((*why).to_owned()), status })
}

/// `--name`, `--name=value`, `-n`.
fn is(name: &str, word: &str) -> bool {
    word == name || word.strip_prefix(name).is_some_and(|rest| rest.starts_with('='))
}
