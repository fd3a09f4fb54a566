//! Every input that was ever of interest, tried once: those that the corpus began with (for the extractor, layers of chapter
//! 4's tests), and those that found something. Then some seconds of changed ones, of which each run has others.

#![forbid(unsafe_code)]

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use fuzz::Target;
use testkit::{Case, TestHost, say};

const BYTES_MAX: usize = 4096;

/// For each target; `cargo xtask fuzz` goes on for longer, and knows what is new.
const CHANGED: Duration = Duration::from_secs(4);

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("no_layer_of_the_corpus_breaks_the_extractor", |test| try_all(test, "extractor")),
            Case::root("no_document_of_the_corpus_breaks_its_readers", |test| try_all(test, "manifest")),
            Case::root("no_text_of_the_corpus_breaks_the_parser", |test| try_all(test, "reference")),
        ],
        &[],
    )
}

/// Method: first the files of the target's corpus, then changes of them, until the time is over.
fn try_all(test: &TestHost, name: &str) {
    let target = Target::open(name, &test.directory(name)).expect("there is such a target");
    let corpus = corpus(name);
    assert!(corpus.len() >= 20, "{} inputs", corpus.len());
    for (path, bytes) in &corpus {
        assert!(bytes.len() <= BYTES_MAX, "{} is large", path.display());
        attempt(&target, bytes, &path.display().to_string());
    }
    let first = SystemTime::now().duration_since(UNIX_EPOCH).expect("time goes on").subsec_nanos();
    let (started, mut runs) = (Instant::now(), 0);
    for (seed, (path, bytes)) in (first..).zip(corpus.iter().cycle()) {
        if started.elapsed() > CHANGED {
            break;
        }
        let mut changed = target.mutate(bytes, BYTES_MAX, seed, fuzz::blind(seed));
        changed.truncate(BYTES_MAX);
        attempt(&target, &changed, &format!("{}, changed by {seed}", path.display()));
        runs += 1;
    }
    say(&format!("{name}: {} inputs of the corpus, {runs} changed ones", corpus.len()));
}

fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let files = fs::read_dir(directory).expect("there is a corpus").map(|file| file.expect("a file").path());
    let mut files: Vec<_> = files.map(|path| (path.clone(), fs::read(path).expect("it can be read"))).collect();
    files.sort_unstable();
    files
}

/// A failure names its input, and shows it.
fn attempt(target: &Target, bytes: &[u8], what: &str) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target.run(bytes))) {
        say(&format!("broken by {what}: {}", bytes.escape_ascii()));
        resume_unwind(panic);
    }
}
