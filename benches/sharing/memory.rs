//! What stays in memory of one file that every container reads: its pages once, or once for each copy. See fincore(1).

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use conex::namespaces::{ContainerId, Part, Running, spawn};

use crate::{
    place,
    root::{How, containers, failed, host, plan},
    table::Table,
};

const BYTES: usize = 64 << 20;
const READ: &str = "cat /big > /dev/null; exec sleep 1000";

pub(crate) fn measure(debian: &Path, table: &mut Table, count: usize) -> io::Result<()> {
    if place::find("fincore").is_none() {
        place::say("memory: needs the program fincore: skipped");
        return Ok(());
    }
    let layer = debian.with_file_name("big");
    fs::create_dir_all(&layer)?;
    fs::write(layer.join("big"), vec![1; BYTES])?;
    let [overlay, copy] = [How::Overlay, How::Copy].map(|how| cached(debian, &layer, how, count));
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let what = format!("page cache of a file of 67 MB, read in {count}");
    table.row(&what, "MB", megabytes(overlay?), megabytes(copy?), "");
    fs::remove_dir_all(&layer)
}

fn cached(debian: &Path, layer: &Path, how: How, count: usize) -> io::Result<u64> {
    let (host, directory) = (host()?, containers(debian)?);
    let part = how.part(&[debian.to_owned(), layer.to_owned()], &directory);
    let parts: [&dyn Part; 1] = [part.as_ref()];
    let ids = (0..count).map(|_| ContainerId::random().map_err(failed)).collect::<io::Result<Vec<_>>>()?;
    rustix::fs::sync();
    fs::write("/proc/sys/vm/drop_caches", "3")?;
    let running: Vec<Running<'_>> = ids
        .iter()
        .map(|id| spawn(&host, id, &parts, plan(&host, id, READ)).and_then(|one| one.start()).map_err(failed))
        .collect::<io::Result<_>>()?;
    let files: Vec<PathBuf> = match how {
        How::Overlay => vec![layer.join("big")],
        How::Copy => ids.iter().map(|id| directory.join(id.as_str()).join("rootfs/big")).collect(),
    };
    let whole = BYTES as u64 * files.len() as u64;
    let mut bytes = 0;
    // They read at once, and take their time.
    for _ in 0..200 {
        bytes = files.iter().map(|file| resident(file)).sum::<io::Result<u64>>()?;
        if bytes >= whole {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    drop(running);
    Ok(bytes)
}

fn resident(file: &Path) -> io::Result<u64> {
    let output = Command::new("fincore").args(["--bytes", "--noheadings", "--output", "RES"]).arg(file).output()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().map_err(io::Error::other)
}
