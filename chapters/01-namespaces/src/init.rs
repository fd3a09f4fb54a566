//! Pid 1 of a container that asked for an init: it starts the program, passes signals on and reaps. It has given up the
//! same rights as the program, and can't be looked into: it is not dumpable, since it never runs exec.

use std::{cell::Cell, rc::Rc};

use conex_kernel::{
    Error, Kernel, Result, block_signals,
    operations::{ChildMain, ChildPanic, Clone, NewForegroundGroup},
    serve_as_init, unblock_signals,
};

use crate::{
    NAME,
    child::{report, report_panic},
    pair::Pair,
};

/// Starts the program by `execute`, which comes back only if it fails, and serves until it ends. Comes back itself only
/// if the program can't be started (and from a dry run).
pub(crate) fn serve(kernel: &Kernel, pair: &Rc<Pair>, execute: &dyn Fn() -> Result<()>) -> Result<()> {
    let failed = |error: std::io::Error| Error::new(NAME, "serve as init", &error);
    if kernel.is_dry() {
        kernel.perform(NAME, NewForegroundGroup)?;
        return execute();
    }
    block_signals().map_err(failed)?;
    let start = move || {
        kernel.perform(NAME, NewForegroundGroup)?;
        unblock_signals().map_err(failed)?;
        execute()
    };
    let main: ChildMain<'_> = Box::new(move || start().map_or_else(|error| report(pair, error), |()| 0));
    let panicked: ChildPanic<'_> = Box::new(move |payload| report_panic(pair, payload.as_ref()));
    let main = Cell::new(Some((main, panicked)));
    let program = kernel.perform(NAME, Clone { flags: 0, late: 0, cgroup: None, main })?;
    serve_as_init(program.pid)
}
