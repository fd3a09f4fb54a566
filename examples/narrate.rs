//! What happens when a container starts? First a dry run, which performs nothing, then the real one, with times.
//!
//! `cargo build --example narrate`, then as root or an ordinary user
//! `target/debug/examples/narrate ROOTFS COMMAND…`; the narration is on standard error.

#![forbid(unsafe_code)]

use std::{
    env,
    ffi::CString,
    io::{self, Write},
    os::unix::ffi::OsStringExt,
    process::ExitCode,
    rc::Rc,
};

use conex::{
    kernel::{Format, Kernel, Narration},
    namespaces::{ContainerId, Directory, Facts, Host, Part, Plan, Process, dry_run, spawn},
};

fn main() -> ExitCode {
    let Err(error) = narrate() else { return ExitCode::SUCCESS };
    // If standard error is gone, the status still tells.
    let _ = writeln!(io::stderr(), "error: {error}");
    ExitCode::from(125)
}

fn narrate() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = env::args_os().skip(1);
    let path = words.next().ok_or("say ROOTFS COMMAND…")?;
    let arguments = words.map(|word| CString::new(word.into_vec())).collect::<Result<Vec<_>, _>>()?;
    let process = Process {
        arguments,
        environment: vec![c"PATH=/usr/sbin:/usr/bin:/sbin:/bin".into()],
        directory: "/".into(),
        umask: 0o022,
        no_new_privileges: true,
        init: false,
        dies_with_parent: true,
    };
    let (facts, id) = (Facts::probe()?, ContainerId::random()?);
    let plan = Plan::isolated(&facts, &id, process);
    let parts: &[&dyn Part] = &[&Directory { path: path.into(), read_only: false }];
    let narration = || Rc::new(Narration::new(Format::Text, Box::new(io::stderr())));
    let host =
        |kernel| Host { root: "/var/lib/conex".into(), run_root: "/run/conex".into(), facts: facts.clone(), kernel };

    writeln!(io::stderr(), "What would happen:\n")?;
    let told = narration();
    dry_run(&host(Kernel::dry(told.clone())), &id, parts, plan.clone())?;
    told.finish()?;

    writeln!(io::stderr(), "\nWhat happens:\n")?;
    let told = narration();
    let real = host(Kernel::observed(told.clone()));
    let running = spawn(&real, &id, parts, plan)?.start()?;
    told.finish()?;
    writeln!(io::stderr(), "\nIt ended with {:?}.", running.wait()?.exit)?;
    Ok(())
}
