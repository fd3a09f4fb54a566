//! A process of one thread that clones for criterion, which has several: it is this program, started again. It reads how
//! often, one number a line, and answers each with the nanoseconds that it took.

use std::{
    io::{self, BufRead, BufReader, Write},
    process::{Command, Stdio},
    time::Duration,
};

use super::Contender;

/// Tells the program that it is a cloner. What kind of one follows.
pub(crate) const ARGUMENT: &str = "--cloner";

/// A cloner's command line, without its kind.
pub(crate) fn command() -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(ARGUMENT);
    Ok(command)
}

/// A contender that asks a cloner.
pub(crate) fn contender(name: &'static str, command: &mut Command) -> io::Result<Contender> {
    let mut cloner = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut questions = cloner.stdin.take().ok_or_else(|| io::Error::other("the cloner has no standard input"))?;
    let answers = cloner.stdout.take().ok_or_else(|| io::Error::other("the cloner has no standard output"))?;
    let mut answers = BufReader::new(answers);
    let mut ask = move |iterations: u64| -> io::Result<Duration> {
        writeln!(questions, "{iterations}")?;
        let mut line = String::new();
        answers.read_line(&mut line)?;
        line.trim().parse().map(Duration::from_nanos).map_err(io::Error::other)
    };
    Ok(Contender { name, time: Box::new(move |iterations| ask(iterations).expect("the cloner answers")) })
}

/// The cloner: each question is answered by doing it so many times.
pub(crate) fn answer(mut once: impl FnMut() -> io::Result<Duration>) -> io::Result<()> {
    for line in io::stdin().lines() {
        let iterations: u64 = line?.parse().map_err(io::Error::other)?;
        let took = (0..iterations).map(|_| once()).sum::<io::Result<Duration>>()?;
        writeln!(io::stdout(), "{}", took.as_nanos())?;
    }
    Ok(())
}
