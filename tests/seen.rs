//! What the engine tells of containers: lists, everything that is known, processes, use; and that they stand still.

#![forbid(unsafe_code)]

mod rig;

use std::{
    fs,
    process::{ExitCode, Stdio},
};

use rig::{begin, command, conex, image, is_clean};
use serde_json::Value;
use testkit::{Case, TestHost, wait_until};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("a_paused_container_stands_still", paused),
            Case::root("a_paused_container_can_be_stopped_killed_and_removed", ended),
            Case::root("after_its_shim_was_killed_a_paused_container_is_gone", abandoned),
            Case::root("a_commit_lets_the_container_go_on_also_when_it_is_killed", committed),
            Case::root("a_list_shows_what_was_asked_for", listed),
            Case::user("a_list_shows_what_was_asked_for_by_a_user", listed),
            Case::root("all_that_is_known_is_told_in_docker_s_keys", inspected),
            Case::root("processes_are_shown_as_the_host_sees_them", processes),
            Case::user("processes_are_shown_to_a_user", processes),
            Case::root("what_a_container_uses_is_told", used).with_cgroups(),
        ],
        rig::PROGRAMS,
    )
}

const COUNT: &str = "while :; do echo x >> /count; sleep 0.01; done";

/// How often it has counted.
fn count(test: &TestHost, id: &str) -> u64 {
    let (root, _) = rig::roots(test);
    fs::metadata(root.join("containers").join(id).join("upper/count")).map_or(0, |file| file.len())
}

fn is_going_on(test: &TestHost, id: &str) {
    let before = count(test, id);
    wait_until("it goes on", || count(test, id) > before);
}

fn state(test: &TestHost, name: &str) -> String {
    let format = "{{.State.Status}} {{.State.Running}} {{.State.Paused}}";
    conex(test, &["inspect", "-f", format, name]).success().trim().to_owned()
}

fn paused(test: &TestHost) {
    image(test);
    let id = begin(test, &["--name", "web"], COUNT);
    is_going_on(test, &id);
    assert_eq!(state(test, "web"), "running true false");
    assert_eq!(conex(test, &["pause", "web"]).success(), "web\n");
    let before = count(test, &id);
    assert_eq!(state(test, "web"), "paused true true");
    let list = conex(test, &["ps", "--format", "{{.State}} {{.Status}}"]).success();
    assert!(list.starts_with("paused Up ") && list.ends_with(" (Paused)\n"), "{list}");
    for (verb, words, why) in [("pause", &["web"][..], "is paused already"), ("exec", &["web", "true"], "is paused")] {
        let refused = conex(test, &[&[verb], words].concat());
        assert!(refused.status != 0 && refused.err.contains(why), "{verb}: {refused:?}");
    }
    conex(test, &["commit", "web", "still"]).success();
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(count(test, &id), before, "a commit does not wake it");
    assert_eq!(conex(test, &["unpause", "web"]).success(), "web\n");
    is_going_on(test, &id);
    let refused = conex(test, &["unpause", "web"]);
    assert!(refused.status == 1 && refused.err.contains("is not paused"), "{refused:?}");
    conex(test, &["rm", "-f", "web"]).success();
    for verb in ["pause", "unpause"] {
        let refused = conex(test, &[verb, "web"]);
        assert!(refused.status == 1 && refused.err.contains("there is no container web"), "{refused:?}");
    }
    assert!(is_clean(test));
}

fn ended(test: &TestHost) {
    image(test);
    let traps = "trap 'exit 4' TERM; while :; do sleep 0.01; done";
    for (words, code) in [(&["stop", "web"][..], "4"), (&["kill", "web"], "137"), (&["kill", "-s", "TERM", "web"], "4")]
    {
        begin(test, &["--name", "web"], traps);
        // Until it has its trap, a signal does nothing to a first process.
        wait_until("it has its trap", || {
            let pid = conex(test, &["inspect", "-f", "{{.State.Pid}}", "web"]).success();
            let status = fs::read_to_string(format!("/proc/{}/status", pid.trim())).unwrap_or_default();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t")).unwrap_or("0");
            u64::from_str_radix(caught, 16).is_ok_and(|mask| mask & (1 << 14) != 0)
        });
        conex(test, &["pause", "web"]).success();
        conex(test, words).success();
        assert_eq!(conex(test, &["wait", "web"]).success().trim(), code, "{words:?}");
        assert_eq!(state(test, "web"), "exited false false");
        conex(test, &["rm", "web"]).success();
    }
    begin(test, &["--name", "web"], traps);
    conex(test, &["pause", "web"]).success();
    conex(test, &["rm", "-f", "web"]).success();
    assert!(is_clean(test));
}

fn abandoned(test: &TestHost) {
    image(test);
    begin(test, &["--name", "web"], COUNT);
    conex(test, &["pause", "web"]).success();
    let pid: i32 = conex(test, &["inspect", "-f", "{{.State.Pid}}", "web"]).success().trim().parse().expect("a pid");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it is there");
    let shim = status.lines().find_map(|line| line.strip_prefix("PPid:\t")).expect("a parent");
    let shim = rustix::process::Pid::from_raw(shim.parse().expect("a pid")).expect("a pid");
    rustix::process::kill_process(shim, rustix::process::Signal::KILL).expect("killed");
    wait_until("it has ended", || state(test, "web") == "exited false false");
    let left = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(left.is_empty() || left.contains(") Z "), "its process is gone: {left}");
    conex(test, &["rm", "web"]).success();
    assert!(is_clean(test));
}

fn committed(test: &TestHost) {
    image(test);
    let id = begin(test, &["--name", "web"], &format!("busybox head -c 200000000 /dev/urandom > /big; {COUNT}"));
    is_going_on(test, &id);
    let mut commit = command(test, &["commit", "web", "half"]).stdout(Stdio::null()).spawn().expect("started");
    let stands_still = || {
        let before = count(test, &id);
        std::thread::sleep(std::time::Duration::from_millis(50));
        count(test, &id) == before
    };
    wait_until("it stands still", stands_still);
    commit.kill().expect("it is at it");
    commit.wait().expect("killed");
    is_going_on(test, &id);
    conex(test, &["rm", "-f", "web"]).success();
    assert!(is_clean(test));
}

fn listed(test: &TestHost) {
    image(test);
    let ids = |words: &[&str]| {
        let list = conex(test, &[&["ps", "--format", "{{.Names}}"], words].concat()).success();
        list.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    let first = begin(test, &["--name", "first", "--label", "tier=web", "--label", "old"], "exit 3");
    begin(test, &["--name", "second"], "exit 0");
    conex(test, &["wait", "first", "second"]).success();
    begin(test, &["--name", "third", "--label", "tier=data", "--network", "host"], "sleep 1000");
    conex(test, &["create", "--name", "fourth", "box"]).success();
    assert_eq!(ids(&[]), "third");
    assert_eq!(ids(&["-a"]), "fourth third second first");
    assert_eq!(
        (ids(&["-l"]), ids(&["-n", "2"]), ids(&["-n", "-1"])),
        ("fourth".into(), "fourth third".into(), "third".into())
    );
    for (filters, expected) in [
        (&["name=ir"][..], "third first"),
        (&["name=^/?first$"], "first"),
        (&["name=^first", "name=second"], "second first"),
        (&["id=PREFIX"], "first"),
        (&["label=tier"], "third first"),
        (&["label=tier=web"], "first"),
        (&["label=tier", "name=third"], "third"),
        (&["exited=3"], "first"),
        (&["exited=0"], "second"),
        (&["status=created"], "fourth"),
        (&["status=exited"], "second first"),
        (&["status=running", "status=created"], "fourth third"),
        (&["ancestor=box"], "fourth third second first"),
        (&["before=third"], "second first"),
        (&["since=second"], "fourth third"),
        (&["network=host"], "third"),
        (&["status=paused"], ""),
    ] {
        let prefix = format!("id={}", &first[..12]);
        let words: Vec<&str> = filters.iter().map(|it| if *it == "id=PREFIX" { prefix.as_str() } else { it }).collect();
        let words: Vec<&str> = words.iter().flat_map(|filter| ["--filter", filter]).collect();
        assert_eq!(ids(&[&["-a"], &words[..]].concat()), expected, "{filters:?}");
    }
    assert_eq!(ids(&["--filter", "status=exited"]), "second first", "a status means all");
    for bad in ["nothing", "colour=red", "status=well", "exited=x", "name=(", "before=nobody", "ancestor=nothing"] {
        let refused = conex(test, &["ps", "--filter", bad]);
        assert!(
            refused.status == 1 && refused.err.starts_with("error: ") && refused.out.is_empty(),
            "{bad}: {refused:?}"
        );
    }
    conex(test, &["exec", "third", "busybox", "sh", "-c", "echo 0123456789 > /ten"]).success();
    let sizes = conex(test, &["ps", "-s", "--format", "{{.Size}}"]).success();
    assert!(sizes.starts_with("11B (virtual ") && sizes.ends_with("MB)\n"), "{sizes}");
    let table = conex(test, &["ps", "-s"]).success();
    assert!(table.lines().next().is_some_and(|line| line.ends_with("NAMES     SIZE")), "{table}");
    let all = conex(test, &["ps", "-aq"]).success();
    conex(test, &[&["rm", "-f"], &all.split_whitespace().collect::<Vec<_>>()[..]].concat()).success();
    assert!(is_clean(test));
}

fn inspected(test: &TestHost) {
    image(test);
    let flags =
        ["--name", "web", "-e", "A=1", "-m", "64m", "--label", "tier=web", "-w", "/tmp", "--entrypoint", "busybox"];
    let words = ["box", "sh", "-c", "sleep 1000"];
    conex(test, &[&["run", "-d", "--network", "none"], &flags[..], &words[..]].concat()).success();
    let all: Value = serde_json::from_str(&conex(test, &["inspect", "web"]).success()).expect("JSON");
    let it = &all[0];
    assert_eq!(it["Id"].as_str().map(str::len), Some(64));
    for (pointer, expected) in [
        ("/Name", serde_json::json!("/web")),
        ("/Path", "busybox".into()),
        ("/Args", serde_json::json!(["sh", "-c", "sleep 1000"])),
        ("/State/Status", "running".into()),
        ("/State/ExitCode", 0.into()),
        ("/State/FinishedAt", "0001-01-01T00:00:00Z".into()),
        ("/Config/Entrypoint", serde_json::json!(["busybox"])),
        ("/Config/Cmd", serde_json::json!(["sh", "-c", "sleep 1000"])),
        ("/Config/Image", "box".into()),
        ("/Config/Labels/tier", "web".into()),
        ("/Config/WorkingDir", "/tmp".into()),
        ("/HostConfig/Memory", (64 << 20).into()),
        ("/HostConfig/MemorySwap", (128 << 20).into()),
        ("/HostConfig/NetworkMode", "none".into()),
        ("/HostConfig/LogConfig/Type", "json-file".into()),
        ("/Mounts", serde_json::json!([])),
    ] {
        assert_eq!(it.pointer(pointer), Some(&expected), "{pointer}");
    }
    assert!(it["Config"]["Env"].as_array().is_some_and(|all| all.contains(&"A=1".into())), "{it}");
    let pid = it["State"]["Pid"].as_i64().expect("a pid");
    assert!(fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| words.windows(4).any(|word| word == b"1000")));
    assert!(fs::exists(it["HostsPath"].as_str().expect("a path")).expect("looked at"));
    let image = conex(test, &["image", "inspect", "-f", "{{.Id}}", "box"]).success();
    assert_eq!(it["Image"], image.trim());
    let sized: Value = serde_json::from_str(&conex(test, &["inspect", "-s", "web"]).success()).expect("JSON");
    assert!(it.get("SizeRw").is_none() && sized[0]["SizeRootFs"].as_u64() > sized[0]["SizeRw"].as_u64());
    // Images and containers, by any name; what is missing does not keep the others.
    let both = conex(test, &["inspect", "-f", "{{.Id}}", "web", "nothing", "box"]);
    assert_eq!((both.status, both.out.lines().count()), (1, 2), "{both:?}");
    assert!(both.err.contains("there is no container and no image nothing"), "{both:?}");
    assert_eq!(conex(test, &["inspect", "nothing"]).out, "[]\n");
    assert_eq!(conex(test, &["inspect", "--type", "image", "web"]).status, 1);
    assert_eq!(conex(test, &["inspect", "--type", "container", "box"]).status, 1);
    let missing = conex(test, &["container", "inspect", "box"]);
    assert!(missing.status == 1 && missing.err.contains("there is no container box"), "{missing:?}");
    // An image made of it keeps both apart.
    conex(test, &["commit", "web", "kept"]).success();
    let kept = conex(test, &["inspect", "-f", "{{json .Config.Entrypoint}} {{json .Config.Cmd}}", "kept"]).success();
    assert_eq!(kept, "[\"busybox\"] [\"sh\",\"-c\",\"sleep 1000\"]\n");
    conex(test, &["rm", "-f", "web"]).success();
    assert!(is_clean(test));
}

fn processes(test: &TestHost) {
    image(test);
    begin(test, &["--name", "web"], "busybox sleep 1111 & busybox sleep 2222; :");
    let top = |options: &[&str]| conex(test, &[&["top", "web"], options].concat());
    wait_until("it has three processes", || top(&[]).success().lines().count() == 4);
    let full = top(&[]).success();
    let titles: Vec<&str> = full.lines().next().expect("titles").split_whitespace().collect();
    assert_eq!(titles, ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]);
    assert!(full.contains("busybox sleep 1111") && full.contains("busybox sleep 2222"), "{full}");
    let chosen = top(&["-o", "pid,ppid,args"]).success();
    let rows: Vec<Vec<&str>> = chosen.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    // The host's ps says the same of these pids.
    for row in &rows {
        let stat = fs::read_to_string(format!("/proc/{}/stat", row[0])).expect("it lives");
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)).expect("a parent");
        assert_eq!(parent, row[1], "{chosen}");
    }
    assert_eq!((rows[0][2], rows[1][1], rows[2][1]), ("busybox", rows[0][0], rows[0][0]), "{chosen}");
    assert!(top(&["aux"]).success().starts_with("USER"));
    let refused = top(&["-o", "colour"]);
    assert!(refused.status == 1 && refused.err.contains("top has no column \"colour\""), "{refused:?}");
    conex(test, &["stop", "-t", "0", "web"]).success();
    let refused = top(&[]);
    assert!(refused.status == 1 && refused.err.contains("is not running"), "{refused:?}");
    conex(test, &["rm", "web"]).success();
    assert!(is_clean(test));
}

fn used(test: &TestHost) {
    image(test);
    begin(test, &["--name", "busy", "-m", "64m"], "while :; do :; done");
    begin(test, &["--name", "idle"], "sleep 1000");
    let format = "{{.Name}}|{{.CPUPerc}}|{{.MemUsage}}|{{.MemPerc}}|{{.NetIO}}|{{.PIDs}}";
    let told = conex(test, &["stats", "--no-stream", "--format", format]).success();
    let of = |name: &str| -> Vec<String> {
        let line = told.lines().find(|line| line.starts_with(&format!("{name}|"))).expect("it is told");
        line.split('|').map(str::to_owned).collect()
    };
    let percent = |text: &str| text.trim_end_matches('%').parse::<f64>().expect("a number");
    let (busy, idle) = (of("busy"), of("idle"));
    assert!(percent(&busy[1]) > 20.0 && percent(&idle[1]) < 20.0, "{told}");
    assert!(busy[2].ends_with(" / 64MiB") && percent(&busy[3]) > 0.0, "{told}");
    assert!(idle[2].ends_with("GiB") && idle[4] == "0B / 0B" && idle[5] == "1", "{told}");
    conex(test, &["stop", "-t", "0", "idle"]).success();
    let running = conex(test, &["stats", "--no-stream", "--format", "{{.Name}}"]).success();
    assert_eq!(running, "busy\n");
    let all = conex(test, &["stats", "--no-stream", "-a", "--format", "{{.Name}}"]).success();
    assert_eq!(all.lines().count(), 2, "{all}");
    let one = conex(test, &["stats", "--no-stream", "idle"]).success();
    let (titles, row) = one.split_once('\n').expect("two lines");
    assert!(titles.starts_with("CONTAINER ID") && row.contains("0.00%") && row.contains("0B / 0B"), "{one}");
    assert_eq!(conex(test, &["stats", "--no-stream", "nobody"]).status, 1);
    conex(test, &["rm", "-f", "busy", "idle"]).success();
    assert!(is_clean(test));
}
