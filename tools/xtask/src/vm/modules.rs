//! The kernel's modules that a container engine meets, in an archive with the order to load them in. There is no depmod:
//! what a module needs is written in itself. See modinfo(8).

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{cpio::Archive, kernel::Kernel};
use crate::run;

/// Where they are in the VM, with a file `order`. The directory is gone once they are loaded.
const PLACE: &str = "/modules";

/// What is asked for by name; what these need comes along. Built in will do, too.
const WANTED: &[&str] = &[
    // File systems and disks: images, and limits of their size.
    "overlay",
    "fuse",
    "loop",
    "ext4",
    "xfs",
    "virtio_pci",
    "virtio_blk",
    // Links.
    "veth",
    "bridge",
    "dummy",
    "tun",
    // The packet filter: tables, published ports, masquerading, and the questions that their rules ask.
    "nf_tables",
    "nft_chain_nat",
    "nft_nat",
    "nft_masq",
    "nft_redir",
    "nft_ct",
    "nft_fib_inet",
    "nft_reject_inet",
];

/// A kernel's directory of modules.
struct Modules {
    directory: PathBuf,
    /// By their path in the directory, as far as `.ko`.
    loadable: Vec<String>,
    built_in: Vec<String>,
}

/// The archive, which is made when it is missing or the list above is another.
pub(crate) fn archive(kernel: &Kernel) -> Result<PathBuf> {
    let (archive, record) = (kernel.directory.join("modules.cpio"), kernel.directory.join("modules.wanted"));
    let wanted = WANTED.join("\n");
    if !archive.exists() || fs::read_to_string(&record).ok().as_ref() != Some(&wanted) {
        let making = kernel.directory.join(format!("modules.{}", std::process::id()));
        make(&kernel.modules()?, &making).context("collect the kernel's modules")?;
        fs::rename(&making, &archive)?;
        fs::write(&record, wanted)?;
    }
    Ok(archive)
}

fn make(directory: &Path, to: &Path) -> Result<()> {
    let modules = Modules::read(directory)?;
    let mut archive = Archive::new(BufWriter::new(File::create(to)?));
    let order = order(WANTED, |name| modules.needs(name))?;
    let order: Vec<String> = order.into_iter().filter(|name| !modules.is_built_in(name)).collect();
    for name in &order {
        archive.file(&Path::new(PLACE).join(format!("{name}.ko")), 0o644, &modules.content(name)?)?;
    }
    archive.file(&Path::new(PLACE).join("order"), 0o644, format!("{}\n", order.join("\n")).as_bytes())?;
    archive.finish()?;
    Ok(())
}

/// Every name once, after all that it needs.
fn order(wanted: &[&str], mut needs: impl FnMut(&str) -> Result<Vec<String>>) -> Result<Vec<String>> {
    let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
    // Each name is looked at twice: when its needs are put above it, and when they are done.
    let mut waiting: Vec<(String, bool)> = wanted.iter().rev().map(|name| ((*name).to_owned(), false)).collect();
    while let Some((name, done)) = waiting.pop() {
        if done {
            order.push(name);
        } else if seen.insert(name.clone()) {
            let needed = needs(&name)?;
            waiting.push((name, true));
            waiting.extend(needed.into_iter().rev().map(|name| (name, false)));
        }
    }
    Ok(order)
}

impl Modules {
    fn read(directory: &Path) -> Result<Self> {
        let list = |file| -> Result<Vec<String>> {
            let path = directory.join(file);
            let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            Ok(text.lines().filter_map(|line| Some(format!("{}.ko", line.split_once(".ko")?.0))).collect())
        };
        let (loadable, built_in) = (list("modules.order")?, list("modules.builtin")?);
        Ok(Self { directory: directory.to_owned(), loadable, built_in })
    }

    fn is_built_in(&self, name: &str) -> bool {
        self.built_in.iter().any(|path| module_name(path) == name)
    }

    fn needs(&self, name: &str) -> Result<Vec<String>> {
        if self.is_built_in(name) { Ok(Vec::new()) } else { Ok(dependencies(&self.content(name)?)) }
    }

    /// The module's file, unpacked: insmod takes no compressed ones.
    fn content(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.loadable.iter().find(|path| module_name(path) == name);
        let path = self.directory.join(path.with_context(|| format!("there is no module {name}"))?);
        if path.exists() {
            return fs::read(&path).with_context(|| format!("read {}", path.display()));
        }
        run::bytes(Command::new("xz").args(["--decompress", "--stdout"]).arg(format!("{}.xz", path.display())))
    }
}

/// `nft_ct` for `kernel/net/netfilter/nft-ct.ko`: the kernel takes both signs for one.
fn module_name(path: &str) -> String {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    name.split('.').next().unwrap_or(name).replace('-', "_")
}

/// The strings of the section `.modinfo` end with NUL and are found without reading the file's tables.
fn dependencies(module: &[u8]) -> Vec<String> {
    let mut strings = module.split(|byte| *byte == 0);
    let names = strings.find_map(|string| string.strip_prefix(b"depends=")).unwrap_or_default();
    let names = String::from_utf8_lossy(names);
    names.split(',').filter(|name| !name.is_empty()).map(module_name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_module_needs_is_read_from_its_strings() {
        let module = b"\x7fELF\0no depends=x\0license=GPL\0depends=nf_tables,nf-nat\0name=nft_nat\0";
        assert_eq!(dependencies(module), ["nf_tables", "nf_nat"]);
        assert!(dependencies(b"license=GPL\0depends=\0name=a\0").is_empty());
        assert!(dependencies(b"").is_empty());
    }

    #[test]
    fn a_name_is_a_path_s_last_part_with_underscores() {
        assert_eq!(module_name("kernel/fs/a-b_c.ko"), "a_b_c");
        assert_eq!(module_name("a.ko"), "a");
    }

    #[test]
    fn each_module_comes_once_and_after_what_it_needs() {
        let needs = |name: &str| {
            let needed: &[&str] = match name {
                "a" => &["c", "b"],
                "b" | "d" => &["c"],
                // The kernel has no circles; a mistaken file must not make us turn for ever.
                "c" => &["a"],
                _ => &[],
            };
            Ok(needed.iter().map(|name| (*name).to_owned()).collect())
        };
        assert_eq!(order(&["a", "d", "b", "e"], needs).expect("all are known"), ["c", "b", "a", "d", "e"]);
    }

    #[test]
    fn a_module_that_is_not_there_is_named() {
        let error = order(&["a"], |name| anyhow::bail!("there is no module {name}")).expect_err("none");
        assert_eq!(error.to_string(), "there is no module a");
    }
}
