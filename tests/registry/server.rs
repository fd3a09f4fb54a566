//! Debian's docker-registry on a port of this network namespace, with its files in the test host.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use conex::registry::{Client, Logins, Patience, Reference, Settings};
use testkit::{TestHost, wait_until};

/// Runs until it is dropped.
pub(crate) struct Server {
    address: String,
    config: PathBuf,
    child: Child,
}

impl Server {
    /// One that anybody may use, at `127.0.0.1:5000` or another address.
    #[track_caller]
    pub(crate) fn start(test: &TestHost, address: &str) -> Self {
        Self::with(test, address, "", "")
    }

    /// One with more lines in the section `http` of its configuration, or after it.
    #[track_caller]
    pub(crate) fn with(test: &TestHost, address: &str, http: &str, more: &str) -> Self {
        let directory = test.directory(&format!("registry-{address}"));
        let store = directory.join("store");
        let text = format!(
            "version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n  filesystem:\n    \
             rootdirectory: {}\nhttp:\n  addr: {address}\n  secret: x\n{http}{more}",
            store.display()
        );
        let config = directory.join("config.yml");
        fs::write(&config, text).expect("the test host's tmpfs is writable");
        let child = serve(&config, address);
        Self { address: address.to_owned(), config, child }
    }

    /// Ends it in the middle of whatever it does, and starts it again with the same files.
    pub(crate) fn restart(&mut self) {
        self.end();
        self.child = serve(&self.config, &self.address);
    }

    fn end(&mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it was killed");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn serve(config: &Path, address: &str) -> Child {
    let mut command = Command::new("docker-registry");
    command.arg("serve").arg(config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().expect("docker-registry starts");
    wait_until("the registry listens", || TcpStream::connect(address).is_ok());
    child
}

/// Settings with nothing of this machine's, and little patience.
pub(crate) fn settings(test: &TestHost) -> Settings {
    let patience = Patience { pause: std::time::Duration::from_millis(50), ..Patience::default() };
    let logins = Logins::of(&test.directory("docker").join("config.json"));
    Settings { certificates: vec![test.directory("certs.d")], logins, patience, ..Settings::default() }
}

pub(crate) fn client(test: &TestHost) -> Client {
    Client::new(settings(test))
}

#[track_caller]
pub(crate) fn reference(text: &str) -> Reference {
    text.parse().expect("a reference")
}

/// `skopeo ARGUMENTS…` to its end, with a home of its own.
#[track_caller]
pub(crate) fn skopeo(test: &TestHost, arguments: &[&str]) -> String {
    let home = test.directory("home");
    let mut command = Command::new("skopeo");
    command.arg("--insecure-policy").args(arguments).env("HOME", &home).env("XDG_RUNTIME_DIR", &home);
    test.run(&mut command).success()
}
