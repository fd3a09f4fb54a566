//! Whether the spine and the straight line make the same container: otherwise their times can't be compared.

use std::{fs, io, path::Path};

use crate::cloner;

/// What a container can tell about itself. `@` marks lines with ids that differ from one to the next.
const DESCRIBE: &str = "
sort -k 1n /proc/self/mountinfo | while read id parent device rest; do echo \"mount $rest\"; done
grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp:|SigBlk|SigIgn|SigCgt|Umask)' /proc/self/status
cat /proc/self/uid_map /proc/self/gid_map /proc/self/cgroup /sys/class/net/lo/flags
stat -c '%N %F %a %u %g' /dev/* /sys/fs/cgroup/*
env; pwd; echo 'descriptors' /proc/self/fd/*
for kind in cgroup ipc mnt net pid time user uts; do echo \"namespace $kind $(readlink /proc/self/ns/$kind)\"; done
";

/// Panics unless both describe the same container, whose namespaces are all new.
pub(crate) fn expect(rootfs: &Path) -> io::Result<()> {
    let (spine, raw) = (describe("spine", rootfs)?, describe("raw", rootfs)?);
    let only = |these: &[String], those: &[String], sign: &str| {
        let lines = these.iter().filter(|line| !those.contains(line));
        lines.map(|line| format!("{sign} {line}\n")).collect::<String>()
    };
    let differences = only(&spine, &raw, "spine:") + &only(&raw, &spine, "raw:");
    assert!(spine == raw, "the spine and raw make different containers:\n{differences}");
    let mounts = spine.iter().filter(|line| line.starts_with("mount ")).count();
    assert!(mounts > 10, "the containers describe themselves:\n{}", spine.join("\n"));
    Ok(())
}

fn describe(kind: &str, rootfs: &Path) -> io::Result<Vec<String>> {
    let output = cloner::command(kind, rootfs, &["sh", "-c", DESCRIBE])?.output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{kind} can't describe itself: {errors}");
    String::from_utf8_lossy(&output.stdout).lines().map(without_ids).collect()
}

/// A namespace's line says whether it is new, not which it is.
fn without_ids(line: &str) -> io::Result<String> {
    let Some(("namespace", rest)) = line.split_once(' ') else { return Ok(line.to_owned()) };
    let (kind, inside) = rest.split_once(' ').unwrap_or((rest, ""));
    let outside = fs::read_link(format!("/proc/self/ns/{kind}"))?;
    assert_ne!(Path::new(inside), outside, "the container is in our {kind} namespace");
    Ok(format!("namespace {kind} is new"))
}
