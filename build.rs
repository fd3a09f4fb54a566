//! Builds the shim, a small program of this package, for the library to embed: so `cargo run` and every program that
//! uses conex find it without another step, and none has to execute itself again.
//!
//! Static and at a fixed address, since nothing of it is relocated then and its pages stay shared: see the book on
//! memory. Where there is no static C library it is linked as usual.

#![forbid(unsafe_code)]

use std::{
    env, fs,
    hash::{DefaultHasher, Hasher},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

const STATIC: &str = "-Ctarget-feature=+crt-static\u{1f}-Crelocation-model=static";
const DYNAMIC: &str = "-Crelocation-model=static";

fn main() {
    for path in ["build.rs", "Cargo.toml", "src", "chapters"] {
        println!("cargo::rerun-if-changed={path}");
    }
    if env::var_os("CARGO_FEATURE_SHIM").is_some() {
        return;
    }
    println!("cargo::rustc-env=CONEX_FLOORS={}", floors_of_a_learner().join(", "));
    let target = variable("TARGET");
    let directory = target_directory();
    if !build(&target, &directory, STATIC).success() {
        println!("cargo::warning=the shim can't be linked statically here: it will use more memory");
        assert!(build(&target, &directory, DYNAMIC).success(), "the shim can't be built; its messages are above");
    }
    let program = directory.join(target).join(profile()).join("conex-shim");
    println!("cargo::rustc-env=CONEX_SHIM={}", program.display());
    println!("cargo::rustc-env=CONEX_SHIM_BUILD={:016x}", fingerprint(&fs::read(&program).expect("it was built")));
}

/// The floors that differ from the workbook's reference; none where there is no reference, as in a clone that nobody learns
/// in.
fn floors_of_a_learner() -> Vec<String> {
    let mut floors = Vec::new();
    for entry in fs::read_dir("chapters").into_iter().flatten().flatten() {
        let mut git = Command::new("git");
        git.args(["diff", "--quiet", "refs/workbook/base", "--"]).arg(entry.path().join("src"));
        // Status 1 is a difference; anything else, also no git, means that there is nothing to tell.
        if git.stderr(Stdio::null()).status().is_ok_and(|status| status.code() == Some(1)) {
            floors.extend(floor(&entry.path()));
        }
    }
    floors.sort_unstable();
    floors
}

/// A floor's name is that of its package, without the project's: `overlay` of `chapters/03-union-mount`.
fn floor(chapter: &Path) -> Option<String> {
    let manifest = fs::read_to_string(chapter.join("Cargo.toml")).ok()?;
    let name = manifest.lines().find_map(|line| line.strip_prefix("name = \"conex-"))?;
    Some(name.trim_end_matches('"').to_owned())
}

/// Names a build of the shim: not a secret, only different for different bytes.
fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// One for all profiles, below the outer build's: its lock is not the one that the outer cargo holds.
fn target_directory() -> PathBuf {
    let out = PathBuf::from(variable("OUT_DIR"));
    // TARGET/PROFILE/build/PACKAGE/out.
    out.ancestors().nth(4).unwrap_or(&out).join("shim")
}

/// Small where it counts, and soon built where somebody waits after an edit.
fn profile() -> &'static str {
    if variable("PROFILE") == "debug" { "shim-dev" } else { "shim" }
}

fn build(target: &str, directory: &Path, flags: &str) -> ExitStatus {
    let mut cargo = Command::new(variable("CARGO"));
    cargo.args(["build", "--quiet", "--package", "conex", "--bin", "conex-shim", "--profile", profile()]);
    cargo.args(["--no-default-features", "--features", "shim", "--target", target, "--target-dir"]).arg(directory);
    cargo.arg("--manifest-path").arg(Path::new(&variable("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    // What the outer cargo set for this build script is not meant for the build that it starts.
    let inherited = env::vars_os().map(|(key, _)| key).filter(|key| {
        let key = key.to_string_lossy();
        ["CARGO_FEATURE_", "CARGO_CFG_", "CARGO_PROFILE_", "RUSTC", "DEP_"].iter().any(|start| key.starts_with(start))
    });
    inherited.for_each(|key| _ = cargo.env_remove(key));
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags).status().expect("cargo can be started")
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}
