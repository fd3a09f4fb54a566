//! Which servers are who they say they are: the machine's certificate authorities, those of `certs.d/HOST/`, and the
//! hosts with which nothing is at stake. See docker's daemon.json (`insecure-registries`).

use std::{
    fs, io,
    net::{IpAddr, Ipv6Addr},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use ureq::http::Uri;

use super::{
    error::{Outcome, Reason},
    settings::{Range, Settings},
    verifier::{Belief, Verifier},
};
use crate::Failure;

/// What `Settings` say about it, and what was read already.
pub(super) struct Trust {
    directories: Vec<PathBuf>,
    insecure: Vec<String>,
    ranges: Vec<Range>,
    machine: OnceLock<Vec<CertificateDer<'static>>>,
}

/// Where distributions keep the authorities: Debian, Fedora, SUSE.
const MACHINE: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

impl Trust {
    pub(super) fn new(settings: &Settings) -> Self {
        let ranges = settings.insecure.iter().filter_map(|entry| entry.parse().ok()).collect();
        let (directories, insecure) = (settings.certificates.clone(), settings.insecure.clone());
        Self { directories, insecure, ranges, machine: OnceLock::new() }
    }

    /// Whether a host, with its port, may speak plain HTTP, or HTTPS with any certificate: who could lie to us there is on
    /// this machine, or the user said so.
    pub(super) fn is_insecure(&self, authority: &str) -> bool {
        let host = without_port(authority);
        let in_range = |address: IpAddr| self.ranges.iter().any(|range| range.contains(address));
        is_loopback(authority)
            || self.insecure.iter().any(|entry| entry.eq_ignore_ascii_case(authority))
            || host.parse().is_ok_and(in_range)
    }

    /// Whether an answer from one URL may send us to another: never to where others can read along, and from outside never
    /// to this machine's own services, which believe whoever is here.
    pub(super) fn may_lead(&self, from: &Uri, to: &Uri) -> bool {
        let authority = |url: &Uri| url.authority().map(ToString::to_string).unwrap_or_default();
        let (from, target) = (authority(from), authority(to));
        let safe = to.scheme_str() == Some("https") || self.is_insecure(&target);
        safe && (is_loopback(&from) || !is_loopback(&target))
    }

    /// What HTTPS with this host begins with.
    pub(super) fn tls(&self, authority: &str) -> Outcome<ClientConfig> {
        let provider = Arc::new(ring::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let verifier = Arc::new(Verifier { belief: self.belief(authority)?, algorithms });
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| Reason::from(Failure::new(error.to_string())))?;
        Ok(config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
    }

    fn belief(&self, authority: &str) -> Outcome<Belief> {
        if self.is_insecure(authority) {
            return Ok(Belief::Anyone);
        }
        let own = self.of_host(authority)?;
        let machine = match self.machine.get() {
            Some(machine) => machine,
            None => {
                let read = of_machine()?;
                self.machine.get_or_init(|| read)
            }
        };
        let mut roots = RootCertStore::empty();
        // Among a machine's there may be some that are not understood.
        roots.add_parsable_certificates(own.iter().chain(machine).cloned());
        Ok(Belief::These { roots, own })
    }

    /// All `*.crt` of a host's directories.
    fn of_host(&self, authority: &str) -> Outcome<Vec<CertificateDer<'static>>> {
        let mut found = Vec::new();
        // A host of dots alone would be another directory; a name that resolves has a letter or digit first.
        let is_name = authority.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
        for directory in self.directories.iter().filter(|_| is_name) {
            let entries = match fs::read_dir(directory.join(authority)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => {
                    entries.map_err(|error| Reason::here(format_args!("read {}", directory.display()), &error))?
                }
            };
            let paths = entries.flatten().map(|entry| entry.path());
            for path in paths.filter(|path| path.extension().is_some_and(|extension| extension == "crt")) {
                found.extend(read(&path)?);
            }
        }
        Ok(found)
    }
}

fn of_machine() -> Outcome<Vec<CertificateDer<'static>>> {
    if let Some(file) = std::env::var_os("SSL_CERT_FILE") {
        return read(Path::new(&file));
    }
    let file = MACHINE.iter().map(Path::new).find(|path| path.is_file());
    // Without any, each host's own directory is what there is.
    file.map_or(Ok(Vec::new()), read)
}

fn read(path: &Path) -> Outcome<Vec<CertificateDer<'static>>> {
    let bytes = fs::read(path).map_err(|error| Reason::here(format_args!("read {}", path.display()), &error))?;
    let certificates = CertificateDer::pem_slice_iter(&bytes).collect::<Result<_, _>>();
    certificates.map_err(|error| Failure::new(format!("read {}: {error}", path.display())).into())
}

/// Whether a host, with or without its port, is this machine.
pub(super) fn is_loopback(authority: &str) -> bool {
    let host = without_port(authority);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The name or address alone, also of `[::1]:5000`.
fn without_port(authority: &str) -> &str {
    match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) if address.parse::<Ipv6Addr>().is_ok() => address,
        _ => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_is_insecure() {
        let insecure = ["registry.example:5000", "10.1.0.0/16", "fd00::/8"].map(str::to_owned).to_vec();
        let trust = Trust::new(&Settings { insecure, ..Settings::default() });
        for authority in
            ["localhost", "localhost:1", "127.9.9.9:80", "[::1]:5000", "Registry.example:5000", "10.1.2.3:5"]
        {
            assert!(trust.is_insecure(authority), "{authority}");
        }
        assert!(trust.is_insecure("[fd00::1]:80"));
        for authority in ["registry.example", "10.2.0.1", "localhost.example", "127.0.0.1.example:80", "[fe80::1]"] {
            assert!(!trust.is_insecure(authority), "{authority}");
        }
    }

    #[test]
    fn nobody_is_led_where_nothing_is_safe() {
        let insecure = vec!["plain.example".to_owned()];
        let trust = Trust::new(&Settings { insecure, ..Settings::default() });
        let may = |from: &str, to: &str| trust.may_lead(&from.parse().expect(from), &to.parse().expect(to));
        assert!(may("https://r/", "https://other/") && may("http://localhost:1/", "http://127.0.0.1:2/"));
        assert!(may("https://r/", "http://plain.example/"));
        assert!(!may("https://r/", "http://r/") && !may("http://localhost/", "http://r/"));
        assert!(!may("https://r/", "http://localhost/") && !may("https://r/", "https://[::1]:8080/"));
    }
}
