//! From one layer to five hundred, told to the kernel in each way; and what a container costs that wrote nothing.

#![forbid(unsafe_code)]

mod rig;

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Instant,
};

use conex_kernel::Kernel;
use conex_namespaces::{Host, Part, Running, spawn};
use conex_overlay::{Access, LAYERS_MAX, Overlay, make_stub};
use rig::{Ids, all_ids, containers, forget, host, id, kernels, overlay, plan, succeed};
use testkit::{Case, TestHost, say};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("one_to_500_layers_are_one_root_for_every_kernel_as_root", many),
            Case::user("one_to_500_layers_are_one_root_for_every_kernel_as_a_user", many),
            Case::root("an_untouched_container_costs_at_most_32_kib_and_12_inodes", untouched).with(&["mkfs.ext4"]),
        ],
        &[],
    )
}

/// Layer n has a file of its own, and one that it covers in those below.
fn layers(test: &TestHost, count: usize) -> Vec<PathBuf> {
    let layer = |n: usize| {
        let layer = test.directory(&format!("a-name-as-long-as-a-digest-of-64-digits-is-in-a-store-of-layers-{n}"));
        fs::write(layer.join(format!("own{n}")), "")
            .and_then(|()| fs::write(layer.join("top"), n.to_string()))
            .expect("made");
        layer
    };
    std::iter::once(test.rootfs("base")).chain((1..count).map(layer)).collect()
}

fn many(test: &TestHost) {
    let usual = host(test, Kernel::quiet());
    let all = layers(test, LAYERS_MAX);
    let before = test.fingerprint();
    for count in [1, 10, 128, LAYERS_MAX] {
        let root = overlay(test, &all[..count]);
        let script = match count {
            1 => "test ! -e /top".to_owned(),
            _ => format!(
                "test $(cat /top) = {}; test $(ls -d /own* | wc -l) = {}; rm /top /own1; test ! -e /own1",
                count - 1,
                count - 1
            ),
        };
        for host in kernels(&usual) {
            let kernel = host.facts.kernel;
            for ids in all_ids(&host) {
                if host.facts.is_privileged() && kernel == (6, 1) && count >= 128 && matches!(ids, Ids::Same) {
                    let error = rig::run(&host, &root, *ids, "true").expect_err("in no user namespace");
                    assert!(error.to_string().contains("that many layers"), "{error}");
                    continue;
                }
                succeed(&host, &root, *ids, &script);
                forget(test);
            }
            if host.facts.is_privileged() {
                before.assert_same(&with_containers(test), "after containers");
                view(&host, &root, count);
                if count == LAYERS_MAX && kernel == (6, 18) {
                    written_on_all(test, &host, &root);
                }
            }
        }
        measure(&usual, &root, count);
    }
}

fn with_containers(test: &TestHost) -> testkit::Fingerprint {
    // The directory of containers was made after the first look.
    fs::remove_dir(containers(test)).expect("it is empty");
    let fingerprint = test.fingerprint();
    containers(test);
    fingerprint
}

/// With what was written they are one too many to be all lower directories.
fn written_on_all(test: &TestHost, host: &Host, root: &Overlay) {
    succeed(host, root, Ids::Host, "rm /top; echo x > /written");
    let view = root.view(host, &id(), Access::Read).expect("a view");
    let seen = |name| rustix::fs::statat(&view, name, rustix::fs::AtFlags::empty()).is_ok();
    assert!(seen("written") && seen("own499") && !seen("top"));
    let refused = rustix::fs::mkdirat(&view, "made", rustix::fs::Mode::RWXU);
    assert_eq!(refused, Err(rustix::io::Errno::ROFS));
    drop(view);
    forget(test);
}

/// Old kernels make no detached view of that many, and say so.
fn view(host: &Host, root: &Overlay, count: usize) {
    let view = root.view(host, &id(), Access::Read);
    if host.facts.kernel == (6, 1) && count >= 128 {
        let error = view.expect_err("too many for one value");
        assert!(error.to_string().contains("this is Linux 6.1"), "{error}");
        return;
    }
    let view = view.expect("a view");
    let top = rustix::fs::statat(&view, "top", rustix::fs::AtFlags::empty());
    assert_eq!(top.is_ok(), count > 1);
}

/// Whole lives of a container, `true` in it; medians. Figures, not limits.
fn measure(host: &Host, root: &Overlay, count: usize) {
    let parts: [&dyn Part; 1] = [root];
    let id = id();
    let mut samples: Vec<f64> = (0..21)
        .map(|_| {
            let started = Instant::now();
            let plan = plan(host, *all_ids(host).last().unwrap_or(&Ids::Mapped), &["true"]);
            spawn(host, &id, &parts, plan).expect("spawned").start().and_then(Running::wait).expect("ended");
            started.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    say(&format!("{count} layers: {:.1} ms from spawn to the end of `true`", samples[samples.len() / 2]));
}

/// Method: a small ext4 in a file, as most hosts have it, so that directories have their size.
fn untouched(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let (image, place) = (test.directory("disk").join("image"), test.directory("ext4"));
    fs::File::create(&image).and_then(|file| file.set_len(64 << 20)).expect("a file");
    test.run(Command::new("mkfs.ext4").args(["-q", "-b", "4096"]).arg(&image)).success();
    test.run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&place)).success();
    let stub = place.join("stub");
    make_stub(&stub).expect("made");
    let root = Overlay { containers: place.clone(), stub: Some(stub), ..overlay(test, &[test.rootfs("base")]) };
    let own = place.join(id().as_str());
    let (id, parts): (_, [&dyn Part; 1]) = (id(), [&root]);
    let container = spawn(&host, &id, &parts, plan(&host, Ids::Host, &["sleep", "1000"])).expect("spawned");
    let running = container.start().expect("started");
    let (inodes, bytes) = cost(&own);
    say(&format!("while it runs: {inodes} inodes, {bytes} bytes"));
    assert!(inodes <= 12 && bytes <= 32 << 10);
    // CVE-2021-41091: a set-user-id program of an image is not for the host's users.
    assert_eq!(own.metadata().expect("it is there").mode() & 0o777, 0o700);
    drop(running);
    assert!(!own.exists(), "nothing once it has ended");
    test.run(Command::new("umount").arg(&place)).success();
}

fn cost(path: &Path) -> (u64, u64) {
    let own = path.symlink_metadata().expect("it is there");
    let below = own.is_dir().then(|| fs::read_dir(path).expect("a directory"));
    let costs = below.into_iter().flatten().map(|entry| cost(&entry.expect("an entry").path()));
    costs.fold((1, own.blocks() * 512), |(inodes, bytes), (more, size)| (inodes + more, bytes + size))
}
