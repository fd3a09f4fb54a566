//! Arguments of ours that go on to cargo unchanged, `--` and what follows it included.

use std::process::Command;

#[derive(clap::Args)]
pub(crate) struct Forwarded {
    /// Passed on to cargo
    #[arg(allow_hyphen_values = true, value_name = "CARGO ARGUMENTS")]
    cargo: Vec<String>,
    /// Passed on to the programs that cargo starts
    #[arg(last = true, value_name = "ARGUMENTS")]
    programs: Vec<String>,
}

impl Forwarded {
    /// Whether cargo gets an option that begins so.
    pub(crate) fn has(&self, option: &str) -> bool {
        self.cargo.iter().any(|word| word.starts_with(option))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.cargo.is_empty() && self.programs.is_empty()
    }

    /// Adds everything to a command that has its own arguments already.
    pub(crate) fn add_to(&self, command: &mut Command) {
        command.args(&self.cargo);
        if !self.programs.is_empty() {
            command.arg("--").args(&self.programs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        forwarded: Forwarded,
    }

    #[test]
    fn words_arrive_in_order_and_keep_the_dashes_between_them() {
        for line in ["", "--bench spine -- --quick", "-- --quick a", "-p conex life"] {
            let words: Vec<&str> = line.split_whitespace().collect();
            let mut command = Command::new("cargo");
            Cli::parse_from([&["x"], words.as_slice()].concat()).forwarded.add_to(&mut command);
            assert_eq!(command.get_args().collect::<Vec<_>>(), words);
        }
    }
}
