//! Registries with certificates and passwords. See openssl-req(1), htpasswd(1).

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use testkit::TestHost;

use crate::server::Server;

/// Where such a registry listens: no address of this machine's in our client's eyes.
pub(crate) const ADDRESS: &str = "10.99.0.1:5000";

/// Runs openssl in a directory of this name, to which it adds files.
#[track_caller]
pub(crate) fn openssl(test: &TestHost, commands: &[&str]) -> PathBuf {
    let directory = test.directory("tls");
    for words in commands {
        test.run(Command::new("openssl").args(words.split(' ')).current_dir(&directory)).success();
    }
    directory
}

/// `server.crt` and `server.key`, signed by `ca.crt`.
pub(crate) const SIGNED: [&str; 3] = [
    "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -x509 -days 2 -keyout ca.key -out ca.crt -subj /CN=ca",
    "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key -out server.csr -subj /CN=r \
     -addext subjectAltName=IP:10.99.0.1",
    "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -copy_extensions copy -out server.crt",
];

/// The lines that make a registry speak TLS.
pub(crate) fn with_tls(directory: &Path) -> String {
    format!("  tls:\n    certificate: {0}/server.crt\n    key: {0}/server.key\n", directory.display())
}

/// A registry that lets in `user` with the password `pass:word`.
#[track_caller]
pub(crate) fn private(test: &TestHost, tls: &Path) -> Server {
    let file = test.directory("auth").join("htpasswd");
    test.run(Command::new("htpasswd").args(["-Bbc", &file.display().to_string(), "user", "pass:word"])).success();
    let auth = format!("auth:\n  htpasswd:\n    realm: r\n    path: {}\n", file.display());
    Server::with(test, ADDRESS, &with_tls(tls), &auth)
}
