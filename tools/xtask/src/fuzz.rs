//! `cargo xtask fuzz`: builds `tools/fuzz` with libFuzzer and coverage, on stable Rust, and lets it try inputs. What it finds
//! interesting stays in target/fuzz; what broke a promise is named, with how to try it again.
//! See <https://llvm.org/docs/LibFuzzer.html>.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{run, say::say};

const TARGETS: [&str; 3] = ["extractor", "manifest", "reference"];

/// What cargo-fuzz asks of rustc, without the sanitizers, which stable Rust does not have.
const FLAGS: [&str; 8] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "--cfg",
    "fuzzing",
];

/// Of one input: the largest in the corpus has half of it, and the slowest takes some milliseconds.
const INPUT_BYTES_MAX: u32 = 8192;
const INPUT_SECONDS_MAX: u32 = 10;
/// A window of zstd may take 128 MiB.
const MEMORY_MIB_MAX: u32 = 1024;

/// Try inputs that nobody wrote: layers, manifests, references.
///
/// Ends with 1 at the first input that breaks a promise, and names it; once that is mended, the input belongs into
/// tools/fuzz/corpus, which `cargo xtask test` tries. It needs g++, which builds libFuzzer: the first time takes minutes. As
/// root the extractor keeps owners and makes devices, as a user it does not. Nothing outside of target/fuzz is written to.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What is tried
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(TARGETS))]
    target: String,
    /// For how long
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
}

pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let program = build()?;
    fuzz(&program, &arguments.target, Duration::from_secs(arguments.minutes * 60))
}

/// With an explicit target, so that build scripts and macros are not instrumented, and are those of other builds.
fn build() -> Result<PathBuf> {
    let version = run::output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    let mut cargo = run::cargo(&["build", "--quiet", "--package", "fuzz", "--bin", "fuzz", "--target", host]);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"));
    // Ten times as many runs as without.
    cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
    run::run(&mut cargo)?;
    Ok(run::target().join(host).join("debug/fuzz"))
}

fn fuzz(program: &Path, target: &str, time: Duration) -> Result<()> {
    let place = run::target().join("fuzz");
    let (found, seeds) = (place.join("corpus").join(target), run::root().join("tools/fuzz/corpus").join(target));
    fs::create_dir_all(&found)?;
    let mut command = Command::new(program);
    // The current directory stays writable, see the module `isolation`.
    command.current_dir(&place).env("FUZZ_TARGET", target).env("RUST_BACKTRACE", "0").env("TMPDIR", &place);
    command.arg(format!("-max_total_time={}", time.as_secs())).arg(format!("-max_len={INPUT_BYTES_MAX}"));
    command.arg(format!("-timeout={INPUT_SECONDS_MAX}")).arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"));
    command.arg(format!("-dict={}", run::root().join("tools/fuzz/dictionaries").join(target).display()));
    command.arg(format!("-artifact_prefix={}/{target}-", place.display())).arg("-print_final_stats=1");
    // New ones go into the first directory.
    command.arg(&found).arg(&seeds).stdin(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("start {}", program.display()))?;
    let report = Report::read(child.stderr.take().context("it has no output")?)?;
    let status = child.wait()?;
    say(&report.summary(target));
    match report.artifact {
        Some(path) => bail!("{target}: broken by {path}; try it again: cargo run --package fuzz {target} {path}"),
        None if !status.success() => bail!("{target}: {status}"),
        None => Ok(()),
    }
}

/// What libFuzzer said, as far as it is of interest at the end.
#[derive(Debug, Default, PartialEq)]
struct Report {
    coverage: String,
    runs: String,
    runs_per_second: String,
    artifact: Option<String>,
}

impl Report {
    /// Passes every line on.
    fn read(output: impl Read) -> Result<Self> {
        let (mut report, mut output, mut line) = (Self::default(), BufReader::new(output), Vec::new());
        while output.read_until(b'\n', &mut line)? > 0 {
            let text = String::from_utf8_lossy(&line);
            say(text.trim_end());
            report.take(text.trim_end());
            line.clear();
        }
        Ok(report)
    }

    fn take(&mut self, line: &str) {
        let after = |word: &str| line.split_once(word).map(|(_, rest)| rest.trim().to_owned());
        if let Some(rest) = after(" cov: ") {
            self.coverage = rest.split(' ').next().unwrap_or_default().to_owned();
        }
        if let Some(runs) = after("stat::number_of_executed_units:") {
            self.runs = runs;
        }
        if let Some(runs) = after("stat::average_exec_per_sec:") {
            self.runs_per_second = runs;
        }
        if let Some(path) = after("Test unit written to ") {
            self.artifact = Some(path);
        }
    }

    fn summary(&self, target: &str) -> String {
        let Self { coverage, runs, runs_per_second, .. } = self;
        format!("fuzz {target}: {runs} runs, {runs_per_second} a second, {coverage} edges covered")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_the_last_of_each_figure_and_what_broke_it() {
        let output = b"#2\tINITED cov: 5 ft: 6 corp: 1/1b\n#9\tNEW    cov: 17 ft: 20 corp: 2/3b\n\
            artifact_prefix='/t/x-'; Test unit written to /t/x-crash-00\n\
            stat::number_of_executed_units: 647\nstat::average_exec_per_sec:     12\n";
        let report = Report::read(&output[..]).expect("memory can be read");
        assert_eq!(report.summary("x"), "fuzz x: 647 runs, 12 a second, 17 edges covered");
        assert_eq!(report.artifact.as_deref(), Some("/t/x-crash-00"));
    }
}
