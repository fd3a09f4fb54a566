//! `conex map`: what the kernel holds for a container is what is told.

#![forbid(unsafe_code)]

mod rig;

use std::{fs, process::ExitCode};

use rig::{begin, conex, image, is_clean};
use serde_json::Value;
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("the_map_shows_what_the_kernel_has", mapped).with_cgroups(),
            Case::user("the_map_shows_what_the_kernel_has_for_a_user", by_a_user),
        ],
        rig::PROGRAMS,
    )
}

fn map(test: &TestHost, name: &str) -> Value {
    serde_json::from_str(&conex(test, &["map", "--json", name]).success()).expect("JSON")
}

fn number(pid: &str, kind: &str) -> u64 {
    let link = fs::read_link(format!("/proc/{pid}/ns/{kind}")).expect("a namespace");
    let text = link.to_str().expect("text");
    text.trim_start_matches(&format!("{kind}:[")).trim_end_matches(']').parse().expect("a number")
}

fn mapped(test: &TestHost) {
    image(test);
    begin(test, &["--name", "web", "-m", "64m", "--tmpfs", "/scratch"], "sleep 1000");
    begin(test, &["--name", "two", "--ipc", "container:web", "--network", "host"], "sleep 1000");
    let map_of = |name: &str| map(test, name);
    let web = map_of("web");
    let pid = conex(test, &["inspect", "-f", "{{.State.Pid}}", "web"]).success();
    let pid = pid.trim();
    assert_eq!(web["processes"]["all"][0]["pid"].to_string(), pid);
    assert_eq!(web["processes"]["all"][0]["pid_inside"], 1);
    for namespace in web["namespaces"]["all"].as_array().expect("a list") {
        let kind = namespace["kind"].as_str().expect("a kind");
        let held = number(pid, kind);
        assert_eq!(namespace["number"], held, "{kind}");
        assert_eq!(namespace["is_host_s"], held == number("self", kind), "{kind}");
        let shared = if kind == "ipc" { 1 } else { 0 };
        let others = namespace["shared_with"].as_array().expect("a list");
        assert!(namespace["is_host_s"] == true || others.len() == shared, "{namespace}");
    }
    let files = web["cgroups"]["all"].as_array().expect("a list").iter().flat_map(|group| {
        let directory = group["directory"].as_str().expect("a path").to_owned();
        let files = group["files"].as_array().expect("a list").clone();
        files.into_iter().map(move |file| (format!("{directory}/{}", file[0].as_str().expect("a name")), file))
    });
    let limits: Vec<_> = files
        .filter(|(path, _)| {
            path.contains("/memory.") && path.contains("limit_in_bytes") || path.ends_with("memory.max")
        })
        .collect();
    for (path, file) in &limits {
        assert_eq!(fs::read_to_string(path).expect("there").trim(), file[1], "{path}");
    }
    assert!(limits.iter().any(|(_, file)| file[1] == "67108864"), "{limits:?}");
    let mounts = web["mounts"]["all"].as_array().expect("a list");
    let table = fs::read_to_string(format!("/proc/{pid}/mountinfo")).expect("there");
    assert_eq!(mounts.len(), table.lines().count());
    let of = |target: &str| mounts.iter().find(|mount| mount["target"] == target).expect("a mount").clone();
    assert_eq!(
        (&of("/")["kind"], &of("/scratch")["chapter"], &of("/proc")["chapter"]),
        (&"overlay".into(), &5.into(), &1.into())
    );
    assert_eq!(web["links"]["all"].as_array().map(Vec::len), Some(1), "{web}");
    assert!(
        map_of("two")["namespaces"]["all"]
            .as_array()
            .is_some_and(|all| { all.iter().any(|one| one["kind"] == "net" && one["is_host_s"] == true) })
    );
    let text = conex(test, &["map", "web"]).success();
    assert!(
        text.starts_with("web ") && text.contains("├─ cgroups (chapter 2)\n") && text.contains("shared with two\n"),
        "{text}"
    );
    conex(test, &["stop", "-t", "0", "web"]).success();
    let ended = map_of("web");
    assert_eq!((&ended["state"], ended["processes"]["all"].as_array().map(Vec::len)), (&"exited".into(), Some(0)));
    assert!(ended["layers"]["all"].as_array().is_some_and(|layers| layers.len() >= 2), "{ended}");
    let missing = conex(test, &["map", "nobody"]);
    assert!(missing.status == 1 && missing.err.contains("there is no container nobody"), "{missing:?}");
    conex(test, &["rm", "-f", "web", "two"]).success();
    assert!(is_clean(test));
}

fn by_a_user(test: &TestHost) {
    image(test);
    begin(test, &["--name", "web"], "sleep 1000");
    let web = map(test, "web");
    assert_eq!(web["processes"]["all"].as_array().map(Vec::len), Some(1), "{web}");
    assert!(
        web["namespaces"]["all"]
            .as_array()
            .is_some_and(|all| { all.iter().any(|one| one["kind"] == "user" && one["is_host_s"] == false) })
    );
    conex(test, &["rm", "-f", "web"]).success();
    assert!(is_clean(test));
}
