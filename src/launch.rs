//! Starting a shim: the program that this build embeds, from a read-only mount of its file that exists for it alone, so
//! that no container can write to it through /proc/PID/exe (CVE-2019-5736). See open_tree(2).

use std::{
    fs, io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use conex_kernel::operations::{CloneTree, SetTree};
use rustix::mount::MountAttrFlags;

use crate::{
    engine::{Created, Engine},
    failure::{Failure, Result},
    files,
    kernel::Kernel,
    lock,
    namespaces::ContainerId,
    paths::Paths,
    stream::{Frame, Orders, Stream},
};

const SHIM: &[u8] = include_bytes!(env!("CONEX_SHIM"));
/// Changes whenever the shim does.
const BUILD: &str = env!("CONEX_SHIM_BUILD");

/// What a front end brings to a start.
#[derive(Debug, Default)]
pub struct Begin {
    /// The container's standard input, if it shall have one and no terminal.
    pub stdin: Option<OwnedFd>,
    /// Whether every operation shall be told.
    pub explain: bool,
    /// Rows and columns of the terminal, if known.
    pub size: Option<(u16, u16)>,
}

/// A container that a shim is in charge of.
#[derive(Debug)]
pub struct Started {
    /// Its id.
    pub id: ContainerId,
    /// The conversation with the shim.
    pub stream: Stream,
    shim: Child,
}

impl Engine {
    /// Starts a shim for a container, which takes it over.
    pub fn start(&self, created: Created, begin: Begin) -> Result<Started> {
        let failed = |error: io::Error| Failure::io("start the shim", &error);
        let program = install(self.paths())?;
        let (ours, theirs) = Stream::pair().map_err(failed)?;
        let (root, run_root) = (self.paths().root().to_owned(), self.paths().run_root().to_owned());
        let orders = Orders { root, run_root, explain: begin.explain, size: begin.size };
        ours.send(&Frame::Begin(orders), begin.stdin.as_ref().map(AsFd::as_fd)).map_err(failed)?;
        let sealed = if self.facts().is_privileged() { Some(seal(&program)?) } else { None };
        let program =
            sealed.as_ref().map_or(program, |file| PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())));
        let lock = created.lock().map_err(failed)?;
        let id = created.id().clone();
        let mut shim = Command::new(&program);
        shim.arg(id.as_str()).env_clear().current_dir("/").stderr(Stdio::null());
        shim.stdin(Stdio::from(theirs.into_descriptor())).stdout(Stdio::from(lock));
        match spawn(&mut shim) {
            Ok(shim) => {
                created.hand_over();
                Ok(Started { id, stream: ours, shim })
            }
            Err(error) => {
                let hint = "the state root must lie on a file system that is not mounted noexec: --root DIR";
                Err(failed(error).with_hint(hint))
            }
        }
    }
}

/// A thread that forked while another wrote the file keeps it busy until its child has run exec.
fn spawn(shim: &mut Command) -> io::Result<Child> {
    for _ in 0..BUSY_TRIES {
        match shim.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => std::thread::sleep(BUSY_STEP),
            other => return other,
        }
    }
    shim.spawn()
}

const BUSY_STEP: std::time::Duration = std::time::Duration::from_millis(1);
const BUSY_TRIES: u32 = 100;

impl Started {
    /// Waits for the shim's own end, once the stream has ended.
    pub fn reap(mut self) {
        // It leaves no status that its stream has not told.
        let _ = self.shim.wait();
    }
}

/// The shim's file, written where this build's is not there yet.
fn install(paths: &Paths) -> Result<PathBuf> {
    let path = paths.shim(BUILD);
    let is_there = || fs::metadata(&path).is_ok_and(|metadata| metadata.len() == SHIM.len() as u64);
    if !is_there() {
        let _lock = lock::exclusive(&paths.programs_lock())?;
        if !is_there() {
            files::write(&path, SHIM, 0o500)?;
        }
    }
    Ok(path)
}

/// A mount of the file alone, read-only and attached nowhere.
fn seal(program: &Path) -> Result<OwnedFd> {
    let kernel = Kernel::quiet();
    let tree = kernel.perform("engine", CloneTree { source: program, recursive: false })?;
    let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY;
    kernel.perform(
        "engine",
        SetTree { tree: tree.as_fd(), source: program, attributes, id_map: None, recursive: false },
    )?;
    Ok(tree)
}
