//! What a program writes, however much that is: a learner's function may print without end.

use std::{
    io::{self, Read},
    process::{Command, ExitStatus, Stdio},
    thread,
};

/// So much of the beginning is kept, in bytes.
const FIRST: usize = 1 << 20;
/// And so much of the end.
const LAST: usize = 64 << 10;

/// A program's end and its words.
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a command to its end, without standard input.
pub(crate) fn of(command: &mut Command) -> io::Result<Output> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    // Both at once: a program that fills one pipe while we read the other would wait for ever.
    let err = thread::spawn(move || err.map_or(Ok(String::new()), ends));
    let out = out.map_or(Ok(String::new()), ends)?;
    let err = err.join().map_err(|_| io::Error::other("the reader of standard error ended"))??;
    Ok(Output { status: child.wait()?, out, err })
}

/// The beginning and the end of what can be read.
fn ends(mut from: impl Read) -> io::Result<String> {
    let mut kept = Vec::new();
    from.by_ref().take(FIRST as u64).read_to_end(&mut kept)?;
    let (mut last, mut left_out) = (Vec::new(), false);
    let mut block = vec![0; LAST];
    loop {
        match from.read(&mut block) {
            Ok(0) => break,
            Ok(length) => last.extend_from_slice(&block[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if last.len() > 2 * LAST {
            last.drain(..last.len() - LAST);
            left_out = true;
        }
    }
    if left_out {
        kept.extend_from_slice(b"\n...\n");
    }
    kept.append(&mut last);
    Ok(String::from_utf8_lossy(&kept).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_kept_whole_and_of_what_is_long_both_ends() {
        assert_eq!(ends(&b"short"[..]).expect("read"), "short");
        let long = format!("first{}last", "x".repeat(10 << 20));
        let kept = ends(long.as_bytes()).expect("read");
        assert!(kept.starts_with("first") && kept.ends_with("last") && kept.contains("x\n...\nx"));
        assert!(kept.len() < FIRST + 3 * LAST, "{}", kept.len());
    }
}
