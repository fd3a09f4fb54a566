//! The files that a container finds about itself: /etc/hosts, /etc/hostname, /etc/resolv.conf. They lie in its run
//! directory and are bound over the image's. See hosts(5), resolv.conf(5).

use std::fs;

use rustix::mount::MountAttrFlags;

use crate::{
    choices::{Choices, Network},
    files,
    kernel::{Error, Kind, Links, Result},
    namespaces::{ContainerId, Facts, Host, Mount, Owners, Part, Plan, Source},
    paths::Paths,
};

/// The three texts; `None` where the host's own file is shown, or nothing.
pub(super) struct Generated {
    paths: Paths,
    texts: Vec<(&'static str, String)>,
}

const NAME: &str = "files";
const FILES: [&str; 3] = ["hosts", "hostname", "resolv.conf"];

const LOCAL: &str = "127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
";

impl Generated {
    pub(super) fn new(choices: &Choices, paths: &Paths) -> Self {
        let host = choices.network == Network::Host;
        let of_host = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let hosts = if host { of_host("/etc/hosts") } else { LOCAL.to_owned() };
        // Without a network nobody could be asked.
        let resolvers = if host { of_host("/etc/resolv.conf") } else { String::new() };
        let name = choices.hostname.clone().unwrap_or_else(|| of_host("/proc/sys/kernel/hostname").trim().to_owned());
        // A user's own directory is his: nothing is made in it that he did not ask for.
        let texts = match choices.rootfs.is_none() {
            true => vec![("hosts", hosts), ("hostname", format!("{name}\n")), ("resolv.conf", resolvers)],
            false => Vec::new(),
        };
        Self { paths: paths.clone(), texts }
    }

    /// For cleaning up after a container of which nothing is known.
    pub(super) fn cleaner(paths: &Paths) -> Self {
        Self { paths: paths.clone(), texts: Vec::new() }
    }
}

impl Part for Generated {
    fn name(&self) -> &'static str {
        NAME
    }

    fn plan(&self, _facts: &Facts, id: &ContainerId, plan: &mut Plan) {
        plan.mounts.extend(self.texts.iter().map(|(name, _)| Mount {
            part: NAME,
            source: Source::Bind { path: self.paths.generated(id, name), recursive: false },
            target: format!("/etc/{name}").into(),
            kind: Kind::File,
            attributes: MountAttrFlags::empty(),
            links: Links::FollowInside,
            owners: Owners::Mapped,
        }));
    }

    fn prepare(&self, host: &Host, id: &ContainerId) -> Result<()> {
        if host.kernel.is_dry() {
            return Ok(());
        }
        for (name, text) in &self.texts {
            let written = files::write(&self.paths.generated(id, name), text.as_bytes(), 0o644);
            written.map_err(|failure| Error::refused(NAME, format!("write {name}"), failure.message))?;
        }
        Ok(())
    }

    fn cleanup(&self, _host: &Host, id: &ContainerId) -> Result<()> {
        FILES.iter().try_for_each(|name| {
            let removed = files::remove(&self.paths.generated(id, name));
            removed.map_err(|failure| Error::refused(NAME, format!("remove {name}"), failure.message))
        })
    }
}
