//! What a process may: capabilities, and whether exec may bring more. See capabilities(7), prctl(2).

use std::{fmt, io};

use rustix::{
    io::Errno,
    thread::{
        CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, remove_capability_from_bounding_set,
        set_capabilities, set_no_new_privs,
    },
};

use crate::{Equivalent, Operation};

/// Drops every capability but these from the bounding set: no exec can bring the others back.
pub struct DropBounding {
    /// What stays.
    pub keep: CapabilitySet,
}

impl fmt::Display for DropBounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "prctl PR_CAPBSET_DROP all but {:#x}", self.keep.bits())
    }
}

impl Operation for DropBounding {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        for number in 0..u64::BITS {
            let one = CapabilitySet::from_bits_retain(1 << number);
            if self.keep.contains(one) {
                continue;
            }
            match remove_capability_from_bounding_set(one) {
                // The first number that this kernel does not know ends the list.
                Err(Errno::INVAL) => break,
                done => done?,
            }
        }
        Ok(())
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::approximate(format!("capsh --drop=… sh  # all but {:#x}", self.keep.bits()))
    }
}

/// Sets the permitted and effective sets, and empties the inheritable and ambient ones. What the process does not have
/// it does not get: the set is cut to what is permitted now.
pub struct SetCapabilities {
    /// What the process may have.
    pub set: CapabilitySet,
}

impl fmt::Display for SetCapabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "capset {:#x}", self.set.bits())
    }
}

impl Operation for SetCapabilities {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        let set = capabilities(None)?.permitted & self.set;
        clear_ambient_capability_set()?;
        let sets = CapabilitySets { effective: set, permitted: set, inheritable: CapabilitySet::empty() };
        Ok(set_capabilities(None, sets)?)
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::approximate(format!(
            "setpriv --inh-caps=-all --ambient-caps=-all sh  # and keep {:#x}",
            self.set.bits()
        ))
    }
}

/// Makes exec give no more privileges than the process has: setuid programs stop working.
pub struct NoNewPrivileges;

impl fmt::Display for NoNewPrivileges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("prctl PR_SET_NO_NEW_PRIVS")
    }
}

impl Operation for NoNewPrivileges {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        Ok(set_no_new_privs(true)?)
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::approximate("setpriv --no-new-privs sh")
    }
}
