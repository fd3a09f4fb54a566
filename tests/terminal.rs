//! `conex run -it` at a real pseudo-terminal: its size, what is typed, ctrl-c, the detach keys, and the terminal put in
//! order whatever happens.

#![forbid(unsafe_code)]

mod rig;

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::{AsFd, OwnedFd},
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use rig::{command, conex, image, is_clean};
use rustix::{
    io::ioctl_fionbio,
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("a_terminal_has_a_size_takes_keys_and_gives_the_exit_code_as_root", session),
            Case::user("a_terminal_has_a_size_takes_keys_and_gives_the_exit_code_as_a_user", session),
            Case::root("the_detach_keys_leave_it_running", detach),
            Case::root("one_more_program_has_a_terminal_of_its_own", beside),
            Case::root("the_terminal_is_put_in_order_when_the_shim_is_killed", killed),
            Case::root("a_container_that_reads_nothing_still_shows_its_output", deaf),
            Case::root("an_init_leaves_the_terminal_to_its_program", init),
        ],
        rig::PROGRAMS,
    )
}

/// A user at a terminal of 30 rows and 100 columns, in which a command runs.
struct User {
    master: File,
    slave: OwnedFd,
    child: Child,
    seen: String,
}

impl User {
    fn start(test: &TestHost, arguments: &[&str]) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).expect("a pseudo-terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("unlocked");
        tcsetwinsize(&master, Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 }).expect("a size");
        let slave = ioctl_tiocgptpeer(master.as_fd(), flags).expect("its other end");
        let stdio = || Stdio::from(slave.try_clone().expect("a descriptor"));
        let wanted = command(test, arguments);
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait"]).arg(wanted.get_program()).args(wanted.get_args());
        command.envs(wanted.get_envs().filter_map(|(key, value)| Some((key, value?))));
        let child = command.stdin(stdio()).stdout(stdio()).stderr(stdio()).spawn().expect("started");
        ioctl_fionbio(&master, true).expect("a flag");
        Self { master: master.into(), slave, child, seen: String::new() }
    }

    /// Waits until this was shown.
    #[track_caller]
    fn sees(&mut self, text: &str) {
        let started = Instant::now();
        while !self.seen.contains(text) {
            assert!(started.elapsed() < Duration::from_secs(10), "{text:?} is not in {:?}", self.seen);
            let mut buffer = [0; 4096];
            match self.master.read(&mut buffer) {
                Ok(length) => self.seen += &String::from_utf8_lossy(&buffer[..length]),
                Err(_) => std::thread::sleep(Duration::from_millis(2)),
            }
        }
        let end = self.seen.find(text).expect("it is there") + text.len();
        self.seen.drain(..end);
    }

    fn types(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).expect("taken");
    }

    /// Waits for the command's end; gives its exit code.
    fn ends(&mut self) -> i32 {
        self.child.wait().expect("ended").code().expect("a code")
    }

    fn is_raw(&self) -> bool {
        !tcgetattr(&self.slave).expect("a terminal").local_modes.contains(LocalModes::ICANON)
    }
}

const SHELL: [&str; 8] = ["run", "--rm", "-it", "--network", "none", "box", "busybox", "sh"];

fn session(test: &TestHost) {
    image(test);
    let mut user = User::start(test, &SHELL);
    user.sees("# ");
    assert!(user.is_raw());
    user.types("tty; stty size; echo $TERM\r");
    user.sees("/dev/pts/0\r\n30 100\r\nxterm\r\n");
    tcsetwinsize(&user.master, Winsize { ws_row: 20, ws_col: 70, ws_xpixel: 0, ws_ypixel: 0 }).expect("a size");
    user.types("until [ \"$(stty size)\" = '20 70' ]; do :; done; echo re''sized\r");
    user.sees("resized\r\n");
    user.types("sleep 1000\r");
    user.sees("sleep 1000\r\n");
    std::thread::sleep(Duration::from_millis(50));
    user.types("\u{3}");
    user.sees("^C");
    user.types("echo code $?\r");
    user.sees("code 130\r\n");
    user.types("exit 7\r");
    assert_eq!(user.ends(), 7);
    assert!(!user.is_raw());
    assert!(is_clean(test));
}

fn detach(test: &TestHost) {
    image(test);
    let mut arguments = SHELL.to_vec();
    arguments.splice(1..2, ["--name", "kept", "--detach-keys", "ctrl-a,d"]);
    let mut user = User::start(test, &arguments);
    user.sees("# ");
    // The first key alone goes to the container once another follows.
    user.types("echo on\u{1}e\r");
    user.sees("\r\n");
    user.types("\u{1}d");
    assert_eq!(user.ends(), 0);
    assert!(!user.is_raw());
    assert!(conex(test, &["ps"]).success().contains(" Up "));
    // Back again, with what was on the screen gone and the shell still there.
    let mut user = User::start(test, &["attach", "kept"]);
    user.types("echo he''re\r");
    user.sees("here\r\n");
    user.types("exit 6\r");
    assert_eq!(user.ends(), 6);
    assert!(!user.is_raw());
    conex(test, &["rm", "-f", "kept"]).success();
    testkit::wait_until("the shim is gone", || {
        while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
        is_clean(test)
    });
}

fn beside(test: &TestHost) {
    image(test);
    let words = ["run", "-d", "--name", "web", "--network", "none", "box", "busybox", "sleep", "1000"];
    conex(test, &words).success();
    let mut user = User::start(test, &["exec", "-it", "web", "busybox", "sh"]);
    user.sees("# ");
    assert!(user.is_raw());
    user.types("stty size; echo $TERM; test -t 0 && test -t 1 && echo o''k\r");
    user.sees("30 100\r\nxterm\r\nok\r\n");
    tcsetwinsize(&user.master, Winsize { ws_row: 20, ws_col: 70, ws_xpixel: 0, ws_ypixel: 0 }).expect("a size");
    user.types("until [ \"$(stty size)\" = '20 70' ]; do :; done; echo re''sized\r");
    user.sees("resized\r\n");
    user.types("sleep 1000\r");
    std::thread::sleep(Duration::from_millis(50));
    user.types("\u{3}");
    user.types("echo code $?\r");
    user.sees("code 130\r\n");
    user.types("exit 7\r");
    assert_eq!(user.ends(), 7);
    assert!(!user.is_raw());
    // A terminal whose size nobody knows is one, too.
    let unknown = Command::new("script")
        .args(["-qec", &format!("{} exec -it web busybox test -t 0", test.program("conex").display()), "/dev/null"])
        .envs(command(test, &[]).get_envs().filter_map(|(key, value)| Some((key, value?))))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    assert!(unknown.is_ok_and(|status| status.success()));
    conex(test, &["rm", "-f", "web"]).success();
    assert!(is_clean(test));
}

fn killed(test: &TestHost) {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("a reaper of orphans");
    image(test);
    let mut user = User::start(test, &SHELL);
    user.sees("# ");
    let shim = pid_of("conex-shim");
    kill_process(Pid::from_raw(shim).expect("a pid"), Signal::KILL).expect("killed");
    assert_eq!(user.ends(), 255);
    assert!(!user.is_raw());
    while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
    conex(test, &["ps", "-a"]).success();
    assert!(is_clean(test));
}

/// The one process of this name in the test host.
fn pid_of(name: &str) -> i32 {
    let entries = std::fs::read_dir("/proc").expect("processes").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_it = |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name);
    pids.filter(is_it).min().expect("it runs")
}

/// More is typed than a terminal holds, into a program that reads none of it.
fn deaf(test: &TestHost) {
    image(test);
    let script = "stty raw -echo; echo ready; sleep 1; echo still here; exit 5";
    let mut arguments = SHELL.to_vec();
    arguments.extend(["-c", script]);
    let mut user = User::start(test, &arguments);
    user.sees("ready");
    for _ in 0..100 {
        // Our own terminal may be full as well.
        let _ = user.master.write(&[b'x'; 1000]);
    }
    user.sees("still here");
    assert_eq!(user.ends(), 5);
}

fn init(test: &TestHost) {
    image(test);
    let mut arguments = SHELL.to_vec();
    arguments.insert(1, "--init");
    let mut user = User::start(test, &arguments);
    user.sees("# ");
    user.types("trap 'echo caught' INT; echo $$\r");
    user.sees("\r\n2\r\n");
    user.types("\u{3}");
    user.sees("caught\r\n");
    user.types("exit 3\r");
    assert_eq!(user.ends(), 3);
}
