//! The loopback link of a new network namespace, which starts down. See netdevice(7).

use std::{fmt, io};

use crate::{Equivalent, Operation, sys};

/// Sets `lo` up.
pub struct LoopbackUp;

impl fmt::Display for LoopbackUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("set link lo up")
    }
}

impl Operation for LoopbackUp {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        sys::loopback_up()
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::exact("ip link set lo up")
    }
}
