//! The docker daemon of the peers' host, and the image in it. It has the host's network to itself, so its bridge and
//! its packet filter rules are made as on a machine of its own. See dockerd(8).

use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};

use super::image;
use crate::run;

/// The daemon's address, as in `DOCKER_HOST`.
pub(crate) const HOST: &str = "unix:///run/docker.sock";

const LOG: &str = "/run/peers/dockerd.log";

/// It is up after half a second here.
const START_MAX: Duration = Duration::from_secs(20);

const FLAGS: &[&str] = &[
    "--host=unix:///run/docker.sock",
    "--exec-opt=native.cgroupdriver=cgroupfs",
    "--storage-driver=overlay2",
    // Its own wish, -500, takes CAP_SYS_RESOURCE.
    "--oom-score-adjust=0",
];

/// Starts the daemon, gives it the image and runs a container.
pub(crate) fn start() -> Result<()> {
    let log = File::create(LOG)?;
    let mut daemon = Command::new("dockerd");
    daemon.args(FLAGS).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    // A group of its own: Ctrl-C is for the command, which may want the daemon for tidying up.
    let mut daemon = daemon.process_group(0).spawn().context("start dockerd")?;
    answer(&mut daemon).map_err(|error| anyhow!("{error:#}; its log ends:\n{}", log_end()))?;
    docker(&["import", image::ARCHIVE, image::NAME])?;
    docker(&["run", "--rm", "--network=none", image::NAME, "true"])
}

/// Waits until the daemon answers.
fn answer(daemon: &mut Child) -> Result<()> {
    let started = Instant::now();
    loop {
        let Err(refusal) = docker(&["version"]) else { return Ok(()) };
        if let Some(status) = daemon.try_wait()? {
            bail!("dockerd ended with {status}");
        }
        if started.elapsed() > START_MAX {
            return Err(refusal);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn docker(arguments: &[&str]) -> Result<()> {
    run::output(Command::new("docker").args(arguments).env("DOCKER_HOST", HOST)).map(drop)
}

fn log_end() -> String {
    run::end(&fs::read_to_string(LOG).unwrap_or_default())
}
