//! Variables that the engine itself gives to programs. See environ(7).

/// Where programs are looked for unless an image or a user says otherwise.
pub(crate) const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Whether a variable is the engine's own.
pub(crate) fn is_own_variable(entry: &str) -> bool {
    ["HOSTNAME=", "TERM="].iter().any(|key| entry.starts_with(key))
}
