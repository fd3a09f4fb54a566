//! Debian's docker-registry on loopback, with its files in memory.

use std::{
    fs, io,
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

const ADDRESS: &str = "127.0.0.1:5000";

/// Runs until it is dropped.
pub(crate) struct Registry {
    child: Child,
}

impl Registry {
    /// Where nobody else listens.
    pub(crate) fn start(state: &Path) -> io::Result<Self> {
        if TcpStream::connect(ADDRESS).is_ok() {
            return Err(io::Error::other(format!("somebody else listens at {ADDRESS}")));
        }
        let text = format!(
            "version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n  filesystem:\n    \
             rootdirectory: {}\nhttp:\n  addr: {ADDRESS}\n  secret: x\n",
            state.join("registry").display()
        );
        let config = state.join("registry.yml");
        fs::write(&config, text)?;
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let registry = Self { child: command.spawn()? };
        for _ in 0..500 {
            if TcpStream::connect(ADDRESS).is_ok() {
                return Ok(registry);
            }
            thread::sleep(Duration::from_millis(10));
        }
        Err(io::Error::other(format!("docker-registry does not listen at {ADDRESS}")))
    }

    /// What the image is called in it.
    pub(crate) fn name(&self) -> String {
        format!("{ADDRESS}/bench/big")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In a network namespace that is new.
pub(crate) fn bring_loopback_up() -> io::Result<()> {
    let status = Command::new("ip").args(["link", "set", "lo", "up"]).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("ip link set lo up: {status}"))) }
}
