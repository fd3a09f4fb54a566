//! The command line's program. Everything is in the library's `cli`; this file stays tiny, since what `main` touches on
//! its way is paid for at every start.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    conex::cli::main()
}
