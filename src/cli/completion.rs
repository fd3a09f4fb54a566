//! `conex completion`: a script for your shell.

use std::io;

use clap::{Args, ValueEnum};
use clap_complete::Shell;

use crate::Result;

/// Print a completion script for a shell
#[derive(Args, Debug)]
pub(super) struct Completion {
    /// bash, zsh, fish, elvish or powershell
    shell: Form,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    Bash,
    Zsh,
    Fish,
    Elvish,
    Powershell,
}

pub(super) fn main(completion: &Completion) -> Result<u8> {
    let shell = match completion.shell {
        Form::Bash => Shell::Bash,
        Form::Zsh => Shell::Zsh,
        Form::Fish => Shell::Fish,
        Form::Elvish => Shell::Elvish,
        Form::Powershell => Shell::PowerShell,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "conex", &mut script);
    let _ = io::Write::write_all(&mut io::stdout(), &script);
    Ok(0)
}
