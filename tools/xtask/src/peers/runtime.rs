//! The OCI runtimes, crun and runc: programs that take a bundle and need nothing started.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use super::{host, image};
use crate::run;

/// Runs a container from a bundle with the runtime's own example of a configuration.
pub(crate) fn start(runtime: &str) -> Result<()> {
    let bundle = Path::new(host::PLACE).join(runtime);
    fs::create_dir_all(&bundle)?;
    run::output(Command::new(runtime).arg("spec").current_dir(&bundle))?;
    let config = bundle.join("config.json");
    let example = fs::read_to_string(&config).with_context(|| format!("read {}", config.display()))?;
    fs::write(&config, adapted(&example))?;
    run::output(Command::new(runtime).args(["run", "probe"]).current_dir(&bundle)).map(drop)
}

/// The example wants a terminal, a shell, and `rootfs` beside it.
fn adapted(example: &str) -> String {
    let root = format!("\"path\": \"{}\"", image::ROOTFS);
    let changes =
        [("\"terminal\": true", "\"terminal\": false"), ("\"sh\"", "\"true\""), ("\"path\": \"rootfs\"", &root)];
    changes.into_iter().fold(example.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_runs_true_in_the_image_without_a_terminal() {
        let example = r#"{"process": {"terminal": true, "args": ["sh"]}, "root": {"path": "rootfs"}}"#;
        let expected = r#"{"process": {"terminal": false, "args": ["true"]}, "root": {"path": "/run/peers/rootfs"}}"#;
        assert_eq!(adapted(example), expected);
    }
}
