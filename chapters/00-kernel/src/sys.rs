//! The calls that neither rustix nor nix wraps safely, each behind a function that checks its own preconditions.
//!
//! Not here: anything with a safe wrapper elsewhere. Every block says which invariant it relies on and who keeps it.
//! See clone(2), mount_setattr(2), close_range(2), seccomp(2), netdevice(7), signal(7).

use std::{
    any::Any,
    io, mem,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
};

use nix::sched::CloneFlags;

use crate::operations::{BpfInstruction, EbpfInstruction};

/// Sends a signal to a process, also one of those that have a number alone.
pub(crate) fn signal_process(pidfd: BorrowedFd<'_>, number: i32) -> io::Result<()> {
    let (nothing, flags) = (ptr::null::<libc::siginfo_t>(), 0);
    // SAFETY: the kernel checks all integers, and a null pointer means that nothing goes along.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), number, nothing, flags) };
    if sent == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What clone3(2) shall do beyond making a process.
#[derive(Clone, Copy)]
pub(crate) struct CloneArgs<'a> {
    /// `CLONE_NEW*` and `CLONE_PARENT`; the pidfd and the cgroup flag are added here.
    pub(crate) flags: u64,
    /// A cgroup v2 directory to be born in.
    pub(crate) cgroup: Option<BorrowedFd<'a>>,
}

/// Makes a process that runs `child` and ends with the status that it returns, or with `panicked(payload)`.
///
/// Refuses to run in a process of several threads: the child would inherit their locks without the threads.
pub(crate) fn clone_process(
    args: CloneArgs<'_>,
    child: impl FnOnce() -> u8,
    panicked: impl FnOnce(Box<dyn Any + Send>) -> u8,
) -> io::Result<(i32, OwnedFd)> {
    single_threaded()?;
    let mut pidfd: libc::c_int = -1;
    // SAFETY: clone_args holds integers only, for which all-zero is a valid value.
    let mut raw: libc::clone_args = unsafe { mem::zeroed() };
    raw.flags = args.flags | libc::CLONE_PIDFD as u64;
    raw.pidfd = ptr::from_mut(&mut pidfd) as u64;
    raw.exit_signal = if args.flags & libc::CLONE_PARENT as u64 == 0 { libc::SIGCHLD as u64 } else { 0 };
    if let Some(cgroup) = args.cgroup {
        raw.flags |= CLONE_INTO_CGROUP;
        raw.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: without CLONE_VM the child has its own copy of memory and stack, so returning here twice is sound; this
    // process has one thread (checked above), so no lock can be held by a thread that the child does not have.
    // `raw` and `pidfd` outlive the call.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, ptr::from_ref(&raw), mem::size_of::<libc::clone_args>()) };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let status = catch_unwind(AssertUnwindSafe(child)).unwrap_or_else(panicked);
            // SAFETY: _exit has no precondition; it skips destructors and buffers, which belong to the parent.
            unsafe { libc::_exit(i32::from(status)) }
        }
        // SAFETY: the kernel wrote a fresh descriptor into `pidfd`, which nobody else owns.
        pid => Ok((pid as i32, unsafe { OwnedFd::from_raw_fd(pidfd) })),
    }
}

/// libc gives this constant in a type that is too narrow for it.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Fails unless this process has exactly one thread.
fn single_threaded() -> io::Result<()> {
    // unshare(CLONE_THREAD) changes nothing in a single-threaded process and is EINVAL in any other, with or without /proc.
    match nix::sched::unshare(CloneFlags::CLONE_THREAD) {
        Ok(()) => Ok(()),
        Err(nix::Error::EINVAL) => {
            Err(io::Error::other("this process has several threads, and only a single-threaded one may clone"))
        }
        Err(errno) => Err(errno.into()),
    }
}

/// Changes the attributes of a mount, or of all mounts of a tree. See mount_setattr(2).
pub(crate) fn mount_setattr(tree: BorrowedFd<'_>, recursive: bool, attributes: &libc::mount_attr) -> io::Result<()> {
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is a static empty string, `attributes` is borrowed for the call and its size is its own.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            flags,
            ptr::from_ref(attributes),
            mem::size_of::<libc::mount_attr>(),
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Marks every descriptor from `first` on to be closed at exec.
pub(crate) fn close_on_exec_from(first: u32) -> io::Result<()> {
    // SAFETY: only a flag changes; no descriptor is closed under its owner.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Closes every descriptor from `first` on and ends this process with the status that `serve` then gives; comes back
/// never, so that nobody finds his descriptors closed.
pub(crate) fn close_from_and_serve(first: u32, serve: impl FnOnce() -> u8) -> ! {
    // SAFETY: whoever owns one of these descriptors never runs again: this function does not return or unwind.
    let _ = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    let status = catch_unwind(AssertUnwindSafe(serve)).unwrap_or(u8::MAX);
    // SAFETY: _exit has no precondition; it skips destructors, which would close descriptors a second time.
    unsafe { libc::_exit(i32::from(status)) }
}

/// Loads a seccomp filter for this process; sets nothing else (no_new_privs is the caller's choice).
pub(crate) fn load_seccomp(filter: &[BpfInstruction]) -> io::Result<()> {
    let program: Vec<libc::sock_filter> = filter
        .iter()
        .map(|i| libc::sock_filter { code: i.code, jt: i.jump_true, jf: i.jump_false, k: i.operand })
        .collect();
    let len = u16::try_from(program.len()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    let raw = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
    // SAFETY: `raw` points to `len` instructions that outlive the call; the kernel copies and verifies them.
    let done = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, ptr::from_ref(&raw)) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The attributes of bpf(2) that are used here, in the kernel's layout; what is behind them must be zero.
#[repr(C)]
struct LoadAttributes {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    unused: [u64; 16],
}

#[repr(C)]
struct AttachAttributes {
    target: u32,
    program: u32,
    attach_type: u32,
    flags: u32,
    unused: [u64; 16],
}

const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_PROG_ATTACH: libc::c_int = 8;
const BPF_PROG_TYPE_CGROUP_DEVICE: u32 = 15;
const BPF_CGROUP_DEVICE: u32 = 6;
/// Beside programs that others, such as systemd, attached: each must say yes.
const BPF_F_ALLOW_MULTI: u32 = 2;

/// Loads a program that decides about devices, once the kernel has proved that it ends.
pub(crate) fn load_device_program(program: &[EbpfInstruction]) -> io::Result<OwnedFd> {
    let encoded: Vec<u64> = program.iter().map(encode).collect();
    let instruction_count = u32::try_from(encoded.len()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    let attributes = LoadAttributes {
        program_type: BPF_PROG_TYPE_CGROUP_DEVICE,
        instruction_count,
        instructions: encoded.as_ptr() as u64,
        license: c"MIT".as_ptr() as u64,
        unused: [0; 16],
    };
    // SAFETY: `encoded` and the licence outlive the call and have the lengths that are given; the kernel copies both.
    let fd = unsafe { bpf(BPF_PROG_LOAD, &attributes) }?;
    // SAFETY: a successful load gives a fresh descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Eight bytes: code, registers (destination in the low half), offset, number.
fn encode(one: &EbpfInstruction) -> u64 {
    let registers = (one.source << 4) | (one.destination & 0xf);
    let [o0, o1] = one.offset.to_ne_bytes();
    let [i0, i1, i2, i3] = one.immediate.to_ne_bytes();
    u64::from_ne_bytes([one.code, registers, o0, o1, i0, i1, i2, i3])
}

/// Attaches a device program to a cgroup v2 directory.
pub(crate) fn attach_device_program(cgroup: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    let attributes = AttachAttributes {
        target: cgroup.as_raw_fd() as u32,
        program: program.as_raw_fd() as u32,
        attach_type: BPF_CGROUP_DEVICE,
        flags: BPF_F_ALLOW_MULTI,
        unused: [0; 16],
    };
    // SAFETY: attaching reads four numbers, which name two open descriptors.
    unsafe { bpf(BPF_PROG_ATTACH, &attributes) }.map(drop)
}

/// # Safety
///
/// `attributes` is what the command reads, and every address in it is valid for the call.
unsafe fn bpf<T>(command: libc::c_int, attributes: &T) -> io::Result<libc::c_int> {
    // SAFETY: the caller's promise; the size is that of the structure.
    let done = unsafe { libc::syscall(libc::SYS_bpf, command, ptr::from_ref(attributes), mem::size_of::<T>()) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(done as libc::c_int) }
}

/// Sets the loopback link of this network namespace up.
pub(crate) fn loopback_up() -> io::Result<()> {
    // SAFETY: socket has no precondition.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a fresh descriptor that nobody else owns.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: ifreq is plain data, for which all-zero is a valid value.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as i16;
    // SAFETY: SIOCSIFFLAGS reads an ifreq, which `request` is.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, ptr::from_ref(&request)) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Gives SIGCHLD its default action: whoever started us may have ignored it, and then no child has a status.
pub(crate) fn reset_sigchld() {
    // SAFETY: SIG_DFL is a valid disposition of a valid signal; no handler of ours is replaced, since we install none.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// Gives every signal its default action and unblocks all: exec keeps ignored and blocked signals otherwise.
pub(crate) fn reset_signals() -> io::Result<()> {
    // The kernel's struct sigaction, of 24 or 32 bytes: all-zero is SIG_DFL without flags.
    let default = [0_u64; 4];
    for signal in 1..=libc::SIGRTMAX() {
        // By number, since libc keeps two signals to itself and would not reset them. SIGKILL and SIGSTOP are refused.
        // SAFETY: the kernel reads at most `default`, whose handler it calls for no signal; 8 is its sigset's size.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), ptr::null_mut::<u64>(), 8) };
    }
    // SAFETY: sigset_t is plain data; sigemptyset initialises it before it is used.
    let mut none: libc::sigset_t = unsafe { mem::zeroed() };
    // SAFETY: both calls get a pointer to a live sigset_t, and sigprocmask may ignore the old mask.
    let done = unsafe {
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, ptr::null_mut())
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
