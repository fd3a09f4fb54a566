//! What the engine tells of containers: lists, everything that is known, processes, use.

#![forbid(unsafe_code)]

mod rig;

use std::{fs, process::ExitCode};

use rig::{begin, conex, image, is_clean};
use serde_json::Value;
use testkit::{Case, TestHost, wait_until};

fn main() -> ExitCode {
    testkit::run(
        &[
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
    assert!(percent(&busy[1]) > percent(&idle[1]) + 1.0, "{told}");
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
