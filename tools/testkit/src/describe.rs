//! What a container can tell about itself, for comparing ours with those of others.

use std::{collections::BTreeSet, fs, path::Path};

/// One line a fact: its kind, then what is told.
pub const DESCRIBE: &str = r#"
cd /proc/self
while read id parent device root point options rest; do echo "mount $point $options ${rest#*- }"; done < mountinfo |
    cut -d ' ' -f 1-4
for key in Uid Gid Groups CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp SigBlk SigIgn SigCgt Umask; do
    echo "status $(grep "^$key:" status | tr -s '\t ' '  ')"
done
echo "uid_map" $(cat uid_map); echo "gid_map" $(cat gid_map); echo "setgroups $(cat setgroups)"
for path in /dev/*; do echo "device $(stat -c '%n %F %t:%T %a' $path) $(readlink $path)"; done
for n in $(seq 0 40); do [ ! -e fd/$n ] || echo "descriptor $n"; done
for kind in cgroup ipc mnt net pid user uts; do echo "namespace $kind $(readlink ns/$kind)"; done
echo "pid $$"; echo "host $(hostname)"; env | sort | sed 's/^/environment /'; cat /proc/1/comm
"#;

/// A namespace's line says whether it is new; marks of mounts that do not change what they show are dropped.
pub fn facts(description: &str) -> BTreeSet<String> {
    description.lines().map(|line| without_marks(&without_id(line))).collect()
}

fn without_marks(line: &str) -> String {
    if let Some(ignored) = line.strip_prefix("status SigIgn: ") {
        // runc leaves signals 32 and 33, libc's own, as whoever started it had them; we reset all.
        let ignored = u64::from_str_radix(ignored.trim(), 16).expect("a hexadecimal number") & 0x7fff_ffff;
        return format!("status SigIgn: {ignored:x}");
    }
    [",relatime", ",idmapped"].iter().fold(line.trim().to_owned(), |line, mark| line.replace(mark, ""))
}

fn without_id(line: &str) -> String {
    match line.split_once(" [").or_else(|| line.rsplit_once(' ')) {
        Some((head, inside)) if line.starts_with("namespace ") => {
            let kind = head.trim_start_matches("namespace ");
            let outside = fs::read_link(format!("/proc/self/ns/{kind}")).expect("our own namespace");
            format!("{head} {}", if Path::new(inside) == outside { "is ours" } else { "is new" })
        }
        _ => line.to_owned(),
    }
}
