//! The shim's program; see the library's `shim` module.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    conex::shim::main()
}
