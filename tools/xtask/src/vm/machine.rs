//! A PC that QEMU emulates, from start to power-off. It has three serial lines: the console, whose end is told when
//! something goes wrong; the command's output; and what init reports. So nothing of one is ever in another.
//!
//! Emulation is always in software: where there is no working KVM, asking for it hangs. See qemu-system-x86_64(1).

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Child, ChildStdout, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};

use crate::{packages, run};

const PROGRAM: &str = "qemu-system-x86_64";

/// Begins the name of a machine's directory, before the pid of who runs it.
const DESK: &str = "machine-";

/// Nothing but the console is said, errors only, and a panic or an oops ends the machine.
const KERNEL_COMMAND_LINE: &str = "console=ttyS0 quiet panic=-1 oops=panic mitigations=off";

/// Without cmpxchg16b: QEMU 7.2, which is Debian 12's, emulates it so that newer kernels, whose allocator uses it, find
/// their lists corrupted and panic in three starts of four.
const CPU: &str = "qemu64,-cx16";

/// Of a file with holes: what is not written takes no room.
const DISK_BYTES: u64 = 1 << 30;

/// What the machine is made of.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) memory_mib: u32,
    pub(crate) cpus: u32,
    /// From power-on to power-off.
    pub(crate) time_max: Duration,
}

/// Where QEMU is.
pub(crate) fn program() -> Result<PathBuf> {
    if env::consts::ARCH != "x86_64" {
        bail!("only an x86_64 machine's tests can be run in one, and this is {}", env::consts::ARCH);
    }
    packages::find(PROGRAM).with_context(|| format!("the program {PROGRAM} is missing"))
}

/// A directory for one machine's files, gone when the machine is.
pub(crate) struct Desk(PathBuf);

impl Desk {
    pub(crate) fn new() -> Result<Self> {
        let place = run::target().join("vm");
        remove_abandoned(&place);
        let path = place.join(format!("{DESK}{}", process::id()));
        fs::create_dir_all(&path).with_context(|| format!("make {}", path.display()))?;
        Ok(Self(path))
    }

    /// The file that `run` starts the machine with.
    pub(crate) fn initramfs(&self) -> PathBuf {
        self.0.join("initramfs")
    }

    fn text(&self, file: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.0.join(file)).unwrap_or_default()).into_owned()
    }

    /// Runs a machine with that kernel; gives the command's output to `listen`, and its exit status back.
    pub(crate) fn run<T>(
        &self,
        kernel: &Path,
        size: Size,
        listen: impl FnOnce(ChildStdout) -> Result<T>,
    ) -> Result<(T, u8)> {
        let mut machine = self.command(kernel, size)?.spawn().with_context(|| format!("start {PROGRAM}"))?;
        let output = machine.stdout.take().context("the machine has no output")?;
        let late = end_after(&machine, size.time_max)?;
        let heard = listen(output);
        if heard.is_err() {
            // It may have ended by itself.
            let _ = machine.kill();
        }
        let status = machine.wait()?;
        let late = late.join().unwrap_or(false).then_some(size.time_max);
        let (console, report) = (self.text("console"), self.text("report"));
        Ok((heard?, verdict(&report, late, status, &console, &self.text("log"))?))
    }

    fn command(&self, kernel: &Path, size: Size) -> Result<Command> {
        let file = |name: &str| format!("file:{}", self.0.join(name).display());
        let (memory, cpus) = (size.memory_mib.to_string(), size.cpus.to_string());
        // If this process is killed, so is the machine.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program()?);
        command.args(["-machine", "pc", "-accel", ACCELERATOR, "-cpu", CPU, "-m", &memory, "-smp", &cpus]);
        command.args(["-nodefaults", "-display", "none", "-no-reboot"]);
        command.args(["-serial", &file("console"), "-serial", "stdio", "-serial", &file("report")]);
        command.arg("-kernel").arg(kernel).arg("-initrd").arg(self.initramfs());
        command.args(["-append", KERNEL_COMMAND_LINE]);
        let disk = self.0.join("disk");
        fs::File::create(&disk)?.set_len(DISK_BYTES)?;
        command.args(["-drive", &format!("file={},format=raw,if=virtio,cache=unsafe", disk.display())]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(fs::File::create(self.0.join("log"))?);
        Ok(command)
    }
}

/// All processors in one thread, in turn. With a thread for each, one now and then runs into the breakpoint by which Linux
/// exchanges its own code (a cgroup's first quota does that), after the others were told that it is gone: "Oops: int3".
const ACCELERATOR: &str = "tcg,thread=single";

impl Drop for Desk {
    fn drop(&mut self) {
        // What is left lies below the build directory and harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Removes what a killed run left, by the pid in its name. It only takes up room, so failing is no error.
fn remove_abandoned(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.strip_prefix(DESK).is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Kills the process once its time is over; the thread ends with the process, and says whether it had to.
fn end_after(process: &Child, time: Duration) -> Result<thread::JoinHandle<bool>> {
    let process = pidfd_open(Pid::from_child(process), PidfdFlags::empty())?;
    let time = Timespec::try_from(time)?;
    Ok(thread::spawn(move || {
        let late = poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&time)) == Ok(0);
        late && pidfd_send_signal(&process, Signal::KILL).is_ok()
    }))
}

/// The command's status, or one sentence about what went wrong and the end of the console.
fn verdict(report: &str, late: Option<Duration>, qemu: ExitStatus, console: &str, log: &str) -> Result<u8> {
    let mut lines = report.lines().map(str::trim_end);
    if let Some(status) = lines.clone().find_map(|line| line.strip_prefix("exit ")?.parse().ok()) {
        return Ok(status);
    }
    let what = if lines.any(|line| line == "up") { "the command" } else { "the kernel's start" };
    match late {
        Some(time) => bail!("{what} did not end within {} s{}", time.as_secs(), told("the console", console)),
        None if !qemu.success() => bail!("{PROGRAM}: {qemu}{}", told("it", log)),
        None => bail!("the machine stopped before {what} had ended{}{}", panic(console), told("the console", console)),
    }
}

/// Why the kernel panicked, if it did: what it says about that ends with numbers.
fn panic(console: &str) -> String {
    let reason = console.lines().find_map(|line| Some(line.split_once("Kernel panic - not syncing: ")?.1));
    reason.map_or(String::new(), |reason| format!("; the kernel panicked: {}", reason.trim_end()))
}

fn told(who: &str, text: &str) -> String {
    match run::end(text.trim_end()) {
        end if end.is_empty() => format!("; {who} said nothing"),
        end => format!("; {who} ended with:\n{end}"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn say(report: &str, late: Option<u64>, qemu: i32, console: &str) -> Result<u8, String> {
        let late = late.map(Duration::from_secs);
        let verdict = verdict(report, late, ExitStatus::from_raw(qemu), console, "no such file\n");
        verdict.map_err(|error| error.to_string())
    }

    #[test]
    fn what_init_reports_is_the_status_whatever_happens_then() {
        assert_eq!(say("up\r\nexit 3\r\n", None, 0, "noise"), Ok(3));
        assert_eq!(say("up\nexit 0\n", Some(9), 9, ""), Ok(0));
    }

    #[test]
    fn a_machine_that_stops_or_hangs_is_told_with_the_end_of_its_console() {
        let error = |report, late, console| say(report, late, 0, console).expect_err("no status");
        let console = "[1] Kernel panic - not syncing: a BUG\r\n2\r\n3\r\n4\r\n5\r\n6\r\n";
        let expected = "the machine stopped before the kernel's start had ended; the kernel panicked: a BUG; \
            the console ended with:\n2\n3\n4\n5\n6";
        assert_eq!(error("", None, console), expected);
        assert_eq!(error("up\n", Some(9), ""), "the command did not end within 9 s; the console said nothing");
        assert_eq!(
            error("exit x\n", Some(9), "a"),
            "the kernel's start did not end within 9 s; the console ended with:\na"
        );
    }

    #[test]
    fn a_qemu_that_does_not_start_is_told_with_its_complaint() {
        let error = say("", None, 1 << 8, "").expect_err("no status");
        assert_eq!(error, format!("{PROGRAM}: exit status: 1; it ended with:\nno such file"));
    }
}
