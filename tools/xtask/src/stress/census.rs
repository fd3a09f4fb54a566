//! What is counted from outside: the machine's free memory, what lies in the state roots, and the shims' memory.
//! See proc_meminfo(5), proc_pid_smaps(5).

use std::{
    collections::HashSet,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The test host has the roots in memory, where a directory takes no room. On a disk it has a block.
const BLOCK_BYTES: u64 = 4096;

/// One moment.
pub(super) struct Census {
    /// What the kernel could still give away, of the whole machine.
    pub(super) available_kib: u64,
    /// What survives a reboot.
    pub(super) root: Usage,
    /// What does not.
    pub(super) run_root: Usage,
}

/// A tree's room, as on a disk with blocks of 4 KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Usage {
    pub(super) bytes: u64,
    pub(super) inodes: u64,
}

impl Census {
    pub(super) fn take([root, run_root]: [PathBuf; 2]) -> Result<Self> {
        let available_kib = kib(Path::new("/proc/meminfo"), "MemAvailable")?;
        Ok(Self { available_kib, root: usage(&root)?, run_root: usage(&run_root)? })
    }
}

/// Of what disappears meanwhile, nothing.
fn usage(path: &Path) -> io::Result<Usage> {
    let own = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Usage::default()),
        own => own?,
    };
    let bytes = own.blocks() * 512;
    if !own.is_dir() {
        return Ok(Usage { bytes, inodes: 1 });
    }
    let mut sum = Usage { bytes: bytes.max(BLOCK_BYTES), inodes: 1 };
    for entry in fs::read_dir(path)? {
        let one = usage(&entry?.path())?;
        sum = Usage { bytes: sum.bytes + one.bytes, inodes: sum.inodes + one.inodes };
    }
    Ok(sum)
}

/// The proportional set size of each shim of these containers that runs in this pid namespace.
pub(super) fn shims_pss_kib(ids: &[String]) -> Result<Vec<u64>> {
    let ids: HashSet<&[u8]> = ids.iter().map(String::as_bytes).collect();
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let process = entry?.path();
        if container(&process).is_some_and(|id| ids.contains(id.as_slice())) {
            all.push(kib(&process.join("smaps_rollup"), "Pss")?);
        }
    }
    Ok(all)
}

/// What a shim is in charge of, which is its only argument. Its program can't be told by a path: it is a mount of a file
/// that is attached nowhere.
fn container(process: &Path) -> Option<Vec<u8>> {
    let words = fs::read(process.join("cmdline")).ok()?;
    words.split(|byte| *byte == 0).nth(1).map(<[u8]>::to_vec)
}

/// A line's figure, of a table such as /proc/meminfo.
fn kib(table: &Path, field: &str) -> Result<u64> {
    let text = fs::read_to_string(table).with_context(|| format!("read {}", table.display()))?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.with_context(|| format!("{} has no {field}", table.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_takes_a_block_a_directory_and_what_its_files_have() {
        let place = std::env::temp_dir().join(format!("conex-census-{}", std::process::id()));
        fs::create_dir_all(place.join("empty")).expect("made");
        fs::write(place.join("file"), [1; 5000]).expect("written");
        fs::File::open(place.join("file")).and_then(|file| file.sync_all()).expect("on the disk");
        let all = usage(&place).expect("it can be read");
        fs::remove_dir_all(&place).expect("removed");
        assert_eq!(all, Usage { bytes: 2 * BLOCK_BYTES + 8192, inodes: 3 });
        assert_eq!(usage(&place).expect("nothing is no error"), Usage::default());
    }
}
