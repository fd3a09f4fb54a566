//! What `--log-driver` and `--log-opt` say.

use super::{
    request::{bytes, pairs},
    run_flags::RunFlags,
};
use crate::{Failure, Log, LogDriver, Result};

/// The log that they ask for.
pub(super) fn log(flags: &RunFlags) -> Result<Log> {
    let mut log = Log::default();
    match flags.log_driver.as_deref() {
        None | Some("" | "json-file") => {}
        Some("none") => log.driver = LogDriver::None,
        Some(other) => {
            return Err(Failure::new(format!("there is no log driver {other:?}")).with_hint("json-file, none"));
        }
    }
    for (key, value) in pairs(&flags.log_opt, "log-opt")? {
        let refuse = |why: &str| Failure::new(format!("--log-opt {key}={value}: {why}"));
        match key.as_str() {
            "max-size" if value == "-1" => log.max_bytes = u64::MAX,
            "max-size" => log.max_bytes = bytes(&value)?,
            "max-file" => {
                log.max_files = value.parse().ok().filter(|count| *count > 0).ok_or_else(|| refuse("no number"))?
            }
            _ => return Err(refuse("there is no such option").with_hint("max-size=10m, max-file=3")),
        }
    }
    Ok(log)
}
