//! Where a library lies: what the loader would find, from its cache and its usual directories. See ld.so(8).
//!
//! The cache's layout is that of glibc 2.2 and later: a header of 48 bytes, entries of 24, then strings.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::elf::{self, Needs};

/// All that is known of this machine's libraries.
pub(super) struct Libraries {
    /// By name; several where a name has one for each of several machines.
    cached: BTreeMap<String, Vec<PathBuf>>,
}

const USUAL: [&str; 10] = [
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
    "/usr/local/lib",
    "/lib32",
    // Debian's loader knows its own machine's without a cache.
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
];
const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const HEADER_BYTES: usize = 48;
const ENTRY_BYTES: usize = 24;

impl Libraries {
    /// Of this machine.
    pub(super) fn of_host() -> Self {
        Self { cached: parse(&fs::read("/etc/ld.so.cache").unwrap_or_default()).unwrap_or_default() }
    }

    /// The file that the loader would take for a library that a file needs.
    pub(super) fn find(&self, name: &str, needs: &Needs) -> Option<PathBuf> {
        if name.contains('/') {
            return Some(name.into());
        }
        let own = needs.runpath.iter().map(|directory| directory.join(name));
        let cached = self.cached.get(name).into_iter().flatten().cloned();
        let usual = USUAL.iter().map(|directory| Path::new(directory).join(name));
        own.chain(cached)
            .chain(usual)
            .find(|path| path.is_file() && elf::needs(path).is_ok_and(|found| found.machine == needs.machine))
    }
}

fn parse(bytes: &[u8]) -> Option<BTreeMap<String, Vec<PathBuf>>> {
    // An older cache may stand in front of the one that we read.
    let start = bytes.windows(MAGIC.len()).position(|window| window == MAGIC)?;
    let cache = &bytes[start..];
    let number = |at: usize| Some(u32::from_ne_bytes(cache.get(at..at + 4)?.try_into().ok()?) as usize);
    let text = |at: usize| {
        let rest = cache.get(at..)?;
        std::str::from_utf8(&rest[..rest.iter().position(|byte| *byte == 0)?]).ok()
    };
    let mut found: BTreeMap<String, Vec<(bool, PathBuf)>> = BTreeMap::new();
    for entry in 0..number(MAGIC.len())? {
        let at = HEADER_BYTES + entry * ENTRY_BYTES;
        let (name, path) = (text(number(at + 4)?)?, text(number(at + 8)?)?);
        // Built for processors with certain features; the plain one runs everywhere.
        let special = cache.get(at + 16..at + 24)?.iter().any(|byte| *byte != 0);
        found.entry(name.to_owned()).or_default().push((special, path.into()));
    }
    let plain_first = |mut paths: Vec<(bool, PathBuf)>| {
        paths.sort_by_key(|(special, _)| *special);
        paths.into_iter().map(|(_, path)| path).collect()
    };
    Some(found.into_iter().map(|(name, paths)| (name, plain_first(paths))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_gives_paths_by_name_and_plain_ones_first() {
        let strings = b"libx.so\0/special\0/plain\0";
        let base = u32::try_from(HEADER_BYTES + 2 * ENTRY_BYTES).expect("small");
        let mut cache = MAGIC.to_vec();
        cache.extend(2_u32.to_ne_bytes());
        cache.resize(HEADER_BYTES, 0);
        for (value, hwcap) in [(8, 1_u64), (17, 0)] {
            cache.extend(0_u32.to_ne_bytes());
            cache.extend(base.to_ne_bytes());
            cache.extend((base + value).to_ne_bytes());
            cache.extend(0_u32.to_ne_bytes());
            cache.extend(hwcap.to_ne_bytes());
        }
        cache.extend(strings);
        let parsed = parse(&cache).expect("a cache");
        assert_eq!(parsed["libx.so"], [PathBuf::from("/plain"), PathBuf::from("/special")]);
        for cut in 0..cache.len() {
            // No length of it makes the parser panic.
            let _ = parse(&cache[..cut]);
        }
    }
}
