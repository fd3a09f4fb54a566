//! Built by `cargo xtask fuzz`: libFuzzer, for the target that FUZZ_TARGET names. Built as usual: `cargo run --package
//! fuzz TARGET FILE…` tries each file once, such as one that libFuzzer found. See <https://llvm.org/docs/LibFuzzer.html>.

#![cfg_attr(fuzzing, no_main)]
#![forbid(unsafe_code)]

use std::{env, sync::OnceLock};

use fuzz::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

/// Once in a process, while it has one thread.
fn begin(name: &str) -> &'static Target {
    TARGET.get_or_init(|| {
        let place = fuzz::enter().unwrap_or_else(|error| panic!("nothing can be tried safely here: {error}"));
        Target::open(name, &place).unwrap_or_else(|| panic!("there is no target {name:?}"))
    })
}

#[cfg(fuzzing)]
fn target() -> &'static Target {
    begin(&env::var("FUZZ_TARGET").unwrap_or_default())
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(init: target(), |bytes: &[u8]| target().run(bytes));

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let any = |bytes: &mut Vec<u8>| {
        let size = bytes.len();
        bytes.resize(size.max(max_size), 0);
        let size = libfuzzer_sys::fuzzer_mutate(bytes, size, max_size);
        bytes.truncate(size);
    };
    let mut mutated = target().mutate(&data[..size], max_size, seed, any);
    mutated.truncate(max_size);
    data[..mutated.len()].copy_from_slice(&mutated);
    mutated.len()
});

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    let mut arguments = env::args_os().skip(1);
    let name = arguments.next().unwrap_or_default();
    // Read before the target makes another directory the current one.
    let inputs = arguments.map(std::fs::read).collect::<Result<Vec<_>, _>>()?;
    let target = begin(&name.to_string_lossy());
    inputs.iter().for_each(|input| target.run(input));
    Ok(())
}
