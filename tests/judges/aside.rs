//! Engines that write where they like: each command of theirs in mount and pid namespaces of its own, which end with it.
//! See unshare(1).

use std::process::Command;

use testkit::TestHost;

/// What is written below /etc stays in the test host; what is written below /run, /var and /opt ends with the command.
const SCRIPT: &str = "
    mkdir -p $0/etc $0/work
    mount -t overlay overlay -o lowerdir=/etc,upperdir=$0/etc,workdir=$0/work /etc
    for place in /run /var /opt; do mount -t tmpfs tmpfs $place; done
    mkdir -p /var/lib /var/run
    mkdir -m 1777 /var/tmp
    exec \"$@\"";

/// The command; whoever kills it kills all that it started.
pub(crate) fn aside(test: &TestHost, words: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-ec", SCRIPT]);
    command.arg(test.directory("aside")).args(words);
    command.env("HOME", test.directory("home")).env_remove("DOCKER_CONFIG").env_remove("DOCKER_HOST");
    command
}
