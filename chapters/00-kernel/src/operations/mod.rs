//! The operations themselves, one file a subject: what conex can ask of the kernel, and nothing else.

mod capability;
mod cgroup;
mod device;
mod filesystem;
mod identity;
mod limits;
mod namespace;
mod network;
mod overlay;
mod page;
mod process;
mod root;
mod seal;
mod session;
mod sysctl;
mod tree;

pub use capability::{DropBounding, NoNewPrivileges, SetCapabilities};
pub use cgroup::{AttachDeviceProgram, EbpfInstruction, JoinCgroup, MakeCgroup, RemoveCgroup, SetCgroup};
pub use device::{MakeDevice, MakeLink, OpenConsole, Terminal, UseTerminal};
pub use filesystem::{Filesystem, MakeFilesystem, MountFilesystem, attribute_names};
pub use identity::{BecomeRoot, MayNotDump, SetGroups, SetIds, WriteIdMap, WriteSetgroups};
pub use limits::{SetLimit, SetOomScoreAdj, SetUmask};
pub use namespace::{ChildMain, ChildPanic, Clone, Cloned, Join, SetHostname, Unshare, WriteTimeOffsets};
pub use network::LoopbackUp;
pub use overlay::{LayersBy, MakeOverlay, SeenBy};
pub use process::{BpfInstruction, ChangeDirectory, CloseDescriptors, Execute, Kill, LoadSeccomp, ParentDeathSignal};
pub use root::{AttachRoot, DetachOldRoot, MakePrivate, PivotRoot};
pub use seal::{Mask, RebindInside, RemountInside};
pub use session::{NewForegroundGroup, NewSession};
pub use sysctl::WriteSysctl;
pub use tree::{AttachTree, CloneTree, SetTree};
