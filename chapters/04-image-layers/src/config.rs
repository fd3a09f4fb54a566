//! An image's config: how it is run, and what its layers are once unpacked. See the OCI image specification, config.md,
//! and docker's additions to it.
//!
//! Its digest is the image's id, so the bytes that came are kept: this type is for reading, and for making new ones.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::{Digest, Result, document};

/// The config of an image.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Config {
    /// In Go's words: `amd64`.
    pub architecture: String,
    /// `linux`.
    pub os: String,
    /// `v7` of arm, for example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// When it was made, as RFC 3339 writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// How it is run.
    #[serde(default, deserialize_with = "or_default")]
    pub config: Execution,
    /// What it is made of.
    pub rootfs: RootFs,
    /// How it was made.
    #[serde(default, deserialize_with = "or_default")]
    pub history: Vec<History>,
    /// What we do not know.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a container of an image is, unless its user says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Execution {
    /// `user`, `uid`, `user:group` or `uid:gid`.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// `80/tcp`, each with an empty object.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub exposed_ports: BTreeMap<String, Value>,
    /// `KEY=value`.
    #[serde(deserialize_with = "or_default")]
    pub env: Vec<String>,
    /// The command before its arguments; none is not the same as an empty one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// The arguments, or the command if there is no entrypoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// Paths, each with an empty object.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, Value>,
    /// Where the command starts.
    #[serde(deserialize_with = "or_default")]
    pub working_dir: String,
    /// Words about it.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What ends it: `SIGQUIT` or a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// How its health is probed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// What runs a command that is given as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<Vec<String>>,
    /// Instructions for images that are built from this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_build: Option<Vec<String>>,
    /// What we do not know.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A probe of a container's health. Times are in nanoseconds; 0 stands for the default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Healthcheck {
    /// `["CMD", …]`, `["CMD-SHELL", text]`, `["NONE"]`; empty to take the one below.
    #[serde(deserialize_with = "or_default")]
    pub test: Vec<String>,
    /// How many failures make it unhealthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<u64>,
    /// `Interval`, `Timeout`, `StartPeriod`, `StartInterval`, and what else there may be.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What an image is made of.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RootFs {
    /// `layers`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The digests of the unpacked layers, the lowest first.
    #[serde(default, deserialize_with = "or_default")]
    pub diff_ids: Vec<Digest>,
}

/// One step of how an image was made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// When, as RFC 3339 writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// By which instruction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Whether it made no layer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
    /// What we do not know.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Config {
    /// Reads a config.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        document::json("the image's config", bytes)
    }
}

/// Go writes `null` for what is empty.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(value: D) -> std::result::Result<T, D::Error> {
    Option::deserialize(value).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCKER: &str = r#"{"architecture":"amd64","os":"linux","config":{"Hostname":"","Env":["A=b"],"Cmd":["sh"],
        "Healthcheck":{"Test":["CMD","true"],"Interval":30000000000,"Retries":2},"OnBuild":["RUN x"],"Shell":["sh","-c"],
        "Volumes":null,"Labels":null,"Entrypoint":[],"ArgsEscaped":true,"WorkingDir":"/w"},"docker_version":"28","container_config":null,
        "rootfs":{"type":"layers","diff_ids":null},"history":[{"created_by":"x","empty_layer":true,"comment":"c"}]}"#;

    #[test]
    fn what_docker_writes_and_what_nobody_knows_is_kept() {
        let config = Config::parse(DOCKER.as_bytes()).expect("a config");
        assert_eq!(config.config.entrypoint, Some(vec![]));
        assert!(config.config.volumes.is_empty());
        let written = serde_json::to_value(&config).expect("written");
        assert_eq!(written["config"]["Healthcheck"]["Interval"], 30_000_000_000_u64);
        assert_eq!(written["config"]["OnBuild"][0], "RUN x");
        assert_eq!(written["config"]["Shell"][1], "-c");
        assert_eq!(written["config"]["ArgsEscaped"], true);
        assert_eq!(written["docker_version"], "28");
        assert_eq!(written["history"][0]["comment"], "c");
    }

    #[test]
    fn a_config_without_execution_is_one() {
        let text = r#"{"architecture":"amd64","os":"linux","config":null,"rootfs":{"type":"layers","diff_ids":[]},"history":null}"#;
        assert!(Config::parse(text.as_bytes()).expect("a config").history.is_empty());
    }
}
