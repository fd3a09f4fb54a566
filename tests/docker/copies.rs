//! `cp` beside docker's: the same words to both, on the same trees; then the same trees again.

use std::{fs, path::Path, process::Command};

use testkit::{Output, TestHost};

use crate::{Both, rig::conex};

/// A tree with one of each; what is in it is of 2020.
const TREE: &str = "
    mkdir -p d/sub empty
    echo f > d/f; echo x > d/sub/x; echo file > file; echo other > other
    ln -s f d/link; ln -s d dirlink; ln -s nowhere dangling
    ln d/f d/hard
    chmod 640 file; chmod 4755 d/sub/x; chmod 1777 empty; chown 1234:1235 file
    touch -h -d '2020-01-02 03:04:05' d/f d/link d/sub/x d/sub d file other empty dirlink dangling";

/// Each entry's path, kind, mode, owner, links, size and year, and what a link says.
const LIST: &str = "
    find . | sort | while read -r path; do
        year=$(( $(stat -c %Y \"$path\") / 31557600 + 1970 ))
        [ \"$(stat -c %F \"$path\")\" = directory ] && size= || size=$(stat -c %s \"$path\")
        echo \"$path $(stat -c '%F %a %u:%g' \"$path\") $size $year $(readlink \"$path\")\"
    done";

/// What is copied, with flags before it, and where to.
type Row = (&'static str, &'static str);

const ROWS: [Row; 36] = [
    ("file", "new"),
    ("file", "other"),
    ("file", "empty"),
    ("file", "empty/"),
    ("file", "empty/new"),
    ("file", "new/"),
    ("file", "other/"),
    ("file", "no/new"),
    ("file", "other/new"),
    ("file", "dirlink"),
    ("file", "d/link"),
    ("file", "d/sub/../new"),
    ("d", "new"),
    ("d", "new/"),
    ("d", "empty"),
    ("d", "empty/"),
    ("d", "other"),
    ("d", "no/new"),
    ("d/", "new"),
    ("d/", "empty"),
    ("d/.", "new"),
    ("d/.", "empty"),
    ("d/.", "other"),
    ("dirlink", "new"),
    ("dirlink/", "new"),
    ("dirlink/.", "new"),
    ("-L dirlink", "new"),
    ("-L dirlink", "empty"),
    ("d/link", "new"),
    ("-L d/link", "new"),
    ("-L d/link", "empty"),
    ("dangling", "new"),
    ("nothing", "new"),
    ("file/", "new"),
    ("file/.", "new"),
    ("-a file", "new"),
];

fn shell(test: &TestHost, directory: &Path, script: &str) -> String {
    let mut command = Command::new("sh");
    command.current_dir(directory).args(["-euc", script]);
    test.run(&mut command).success()
}

fn words<'a>(row: &Row, source: &'a str, destination: &'a str) -> Vec<&'a str> {
    let flags = row.0.split_once(' ').map(|(flag, _)| if flag == "-L" { "-L" } else { "-a" });
    ["cp"].into_iter().chain(flags).chain([source, destination]).collect()
}

fn name(row: &Row) -> &str {
    row.0.rsplit(' ').next().unwrap_or(row.0)
}

fn same(row: &Row, ours: (&Output, String), theirs: (&Output, String)) {
    assert_eq!(ours.0.status, theirs.0.status, "{row:?}\n{}{}", ours.0.err, theirs.0.err);
    assert_eq!(ours.1, theirs.1, "{row:?}\n{}{}", ours.0.err, theirs.0.err);
}

/// Both have a container, in whose directory /N the tree of row N is.
fn containers(both: &Both<'_>) {
    let count = ROWS.len();
    let script = format!(
        "i=0; while [ $i -lt {count} ]; do mkdir /$i; cd /$i; {TREE}; i=$((i+1)); done; touch /done; sleep 1000"
    );
    let words = ["run", "-d", "--name", "cc", "--network", "none", "box", "busybox", "sh", "-ec", &script];
    let (ours, theirs) = both.ask(&words);
    ours.success();
    theirs.success();
    testkit::wait_until("the trees are made", || {
        let (ours, theirs) = both.ask(&["exec", "cc", "busybox", "test", "-e", "/done"]);
        ours.status == 0 && theirs.status == 0
    });
}

pub(crate) fn out(test: &TestHost) {
    let both = Both::start(test);
    containers(&both);
    for (number, row) in ROWS.iter().enumerate() {
        let copied = |engine: &str, ask: &dyn Fn(&[&str]) -> Output| {
            let place = test.directory("files").join(format!("{engine}{number}"));
            fs::create_dir(&place).expect("made");
            shell(test, &place, TREE);
            let source = format!("cc:/{number}/{}", name(row));
            let output = ask(&words(row, &source, &format!("{}/{}", place.display(), row.1)));
            let list = shell(test, &place, LIST);
            (output, list)
        };
        let (ours, our_list) = copied("ours", &|words| conex(test, words));
        let (theirs, their_list) = copied("theirs", &|words| both.docker.ask(words));
        // Docker's manual says of -a what we do; docker does not. And we give no stranger's file the rights of who copies it.
        let our_list = our_list.replace("new regular file 640 1234:1235", "new regular file 640 0:0");
        let plain = |line: &str| {
            if line.starts_with("./d/") { line.to_owned() } else { line.replace(" 4755 ", " 755 ") }
        };
        let their_list: String = their_list.lines().map(|line| plain(line) + "\n").collect();
        same(row, (&ours, our_list), (&theirs, their_list));
    }
    both.ask(&["rm", "-f", "cc"]);
}

pub(crate) fn into(test: &TestHost) {
    let both = Both::start(test);
    containers(&both);
    let place = test.directory("files").join("from");
    fs::create_dir(&place).expect("made");
    shell(test, &place, TREE);
    for (number, row) in ROWS.iter().enumerate() {
        let source = format!("{}/{}", place.display(), name(row));
        let destination = format!("cc:/{number}/{}", row.1);
        let (ours, theirs) = both.ask(&words(row, &source, &destination));
        let list = format!("cd /{number}; {LIST}");
        let (our_list, their_list) = both.ask(&["exec", "cc", "busybox", "sh", "-c", &list]);
        same(row, (&ours, our_list.success()), (&theirs, their_list.success()));
    }
    both.ask(&["rm", "-f", "cc"]);
}
