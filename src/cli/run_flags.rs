//! The flags of `run`, as they are written. What they mean together is in `request`.

use std::path::PathBuf;

use clap::{
    Args,
    builder::{OsStringValueParser, TypedValueParser},
};

use super::{limit_flags::LimitFlags, pull::Pulling};

/// Docker's switches may also be written `--flag=false`.
macro_rules! switches {
    ($switches:ident: $($(#[$meta:meta])* $name:ident,)*) => {
        /// Flags that are on or off.
        #[derive(clap::Args, Debug, Default)]
        pub(super) struct $switches {
            $(
                $(#[$meta])*
                #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false",
                      action = clap::ArgAction::Set, hide_default_value = true,
                      value_parser = $crate::cli::run_flags::switch, value_name = "BOOL")]
                pub(super) $name: bool,
            )*
        }
    };
}
pub(super) use switches;

/// As Go's flags take it.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("it is neither true nor false".to_owned()),
    }
}

switches! {
    Switches:
    /// Remove the container when it has ended
    #[arg(long)]
    rm,
    /// Keep standard input open
    #[arg(short, long)]
    interactive,
    /// Give it a terminal
    #[arg(short, long)]
    tty,
    /// Make its root read-only
    #[arg(long)]
    read_only,
    /// Run an init in it that passes signals on and reaps processes
    #[arg(long)]
    init,
    /// Hide nothing from it and withhold no right
    #[arg(long)]
    privileged,
}

/// Flags with values.
#[derive(Args, Debug)]
pub(super) struct RunFlags {
    #[command(flatten)]
    pub(super) switches: Switches,
    #[command(flatten)]
    pub(super) limits: LimitFlags,
    /// Its root is this directory, and there is no image
    #[arg(long, value_name = "DIR")]
    pub(super) rootfs: Option<PathBuf>,
    /// A layer of its root, the lowest first; hidden until images have layers
    #[arg(long, value_name = "DIR", hide = true, conflicts_with = "rootfs")]
    pub(super) layer: Vec<PathBuf>,
    /// How its root is made of layers: overlay, copy or reflink (CONEX_STORAGE_DRIVER)
    #[arg(long, value_name = "DRIVER")]
    pub(super) storage_driver: Option<String>,
    /// Its name
    #[arg(long)]
    pub(super) name: Option<String>,
    /// Set an environment variable; without a value, to the one that it has here
    #[arg(short, long, value_name = "KEY[=VALUE]", allow_hyphen_values = true)]
    pub(super) env: Vec<String>,
    /// Read environment variables from a file
    #[arg(long, value_name = "FILE")]
    pub(super) env_file: Vec<PathBuf>,
    /// Working directory
    #[arg(short, long, value_name = "DIR", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(super) workdir: Option<PathBuf>,
    /// User, or user:group, by name or number
    #[arg(short, long, allow_hyphen_values = true)]
    pub(super) user: Option<String>,
    /// One more group, by name or number
    #[arg(long, value_name = "GROUP", allow_hyphen_values = true)]
    pub(super) group_add: Vec<String>,
    /// Its host name
    #[arg(short = 'h', long)]
    pub(super) hostname: Option<String>,
    /// Its NIS domain name
    #[arg(long)]
    pub(super) domainname: Option<String>,
    /// What runs in front of the command
    #[arg(long, value_name = "PROGRAM")]
    pub(super) entrypoint: Option<String>,
    /// none or host
    #[arg(long, visible_alias = "net")]
    pub(super) network: Option<String>,
    /// host or container:NAME
    #[arg(long)]
    pub(super) pid: Option<String>,
    /// private, host or container:NAME
    #[arg(long)]
    pub(super) ipc: Option<String>,
    /// host
    #[arg(long)]
    pub(super) uts: Option<String>,
    /// A temporary file system: DIR[:OPTIONS]
    #[arg(long, value_name = "DIR[:OPTIONS]")]
    pub(super) tmpfs: Vec<String>,
    /// One more capability, or ALL
    #[arg(long, value_name = "CAPABILITY")]
    pub(super) cap_add: Vec<String>,
    /// One capability less, or ALL
    #[arg(long, value_name = "CAPABILITY")]
    pub(super) cap_drop: Vec<String>,
    /// no-new-privileges[=BOOL]
    #[arg(long, value_name = "OPTION")]
    pub(super) security_opt: Vec<String>,
    /// A resource limit: NAME=SOFT[:HARD]
    #[arg(long, value_name = "LIMIT")]
    pub(super) ulimit: Vec<String>,
    /// A setting of its namespaces: KEY=VALUE
    #[arg(long, value_name = "SETTING")]
    pub(super) sysctl: Vec<String>,
    /// Size of /dev/shm
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true)]
    pub(super) shm_size: Option<String>,
    /// The signal that asks it to stop
    #[arg(long, value_name = "SIGNAL")]
    pub(super) stop_signal: Option<String>,
    /// How many seconds it has to stop before it is killed; -1 is for ever
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(super) stop_timeout: Option<i64>,
    /// How its output is kept: json-file or none
    #[arg(long, value_name = "DRIVER")]
    pub(super) log_driver: Option<String>,
    /// max-size=BYTES, max-file=COUNT
    #[arg(long, value_name = "OPTION")]
    pub(super) log_opt: Vec<String>,
    /// Data of yours: KEY[=VALUE]
    #[arg(short, long, value_name = "LABEL")]
    pub(super) label: Vec<String>,
    /// Read labels from a file
    #[arg(long, value_name = "FILE")]
    pub(super) label_file: Vec<PathBuf>,
    /// Data for other tools: KEY=VALUE
    #[arg(long)]
    pub(super) annotation: Vec<String>,
    /// Write its id to a file
    #[arg(long, value_name = "FILE")]
    pub(super) cidfile: Option<PathBuf>,
    /// Attach to STDIN, STDOUT or STDERR only
    #[arg(short, long, value_name = "STREAM")]
    pub(super) attach: Vec<String>,
    #[command(flatten)]
    pub(super) pulling: Pulling,
}
