//! Bad input: one sentence and a hint, docker's exit code, and nothing left.

#![forbid(unsafe_code)]

mod rig;

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, ExitCode},
};

use rig::{conex, image, is_clean, run};
use testkit::{Case, Output, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("bad_flags_and_words_are_refused_in_a_sentence", words),
            Case::root("bad_commands_are_refused_in_a_sentence", commands),
            Case::root("an_image_that_is_not_here_is_told_with_what_is", images),
            Case::root("what_is_too_much_is_told_and_what_is_not_runs", much),
            Case::root("every_flag_and_verb_of_docker_works_or_is_refused_by_name", docker).with(&["docker"]),
            Case::root("completion_knows_flags_and_names_and_there_are_manual_pages", completion),
        ],
        rig::PROGRAMS,
    )
}

/// One line of error, then hints at most; the status; nothing on standard output, and nothing left.
#[track_caller]
fn expect(test: &TestHost, output: &Output, status: i32, error: &str, hint: &str) {
    let mut lines = output.err.lines().filter(|line| !line.starts_with("conex: no network"));
    assert_eq!(lines.next().unwrap_or_default(), format!("error: {error}"));
    assert_eq!(lines.next().unwrap_or_default(), if hint.is_empty() { String::new() } else { format!("hint: {hint}") });
    assert_eq!((lines.next(), output.status, output.out.as_str()), (None, status, ""));
    assert!(is_clean(test), "{output:?}");
}

fn words(test: &TestHost) {
    image(test);
    let runs = |flags: &[&str]| conex(test, &[&["run", "--rm"], flags, &["box", "busybox", "true"]].concat());
    let sizes = "a number and b, k, m or g: 64m";
    let names = "a name has two characters or more: a letter or digit, then letters, digits, _ . -";
    let table: [(&[&str], i32, &str, &str); 19] = [
        (&["--no-such-flag"], 125, "there is no flag --no-such-flag", "conex run --help"),
        (&["--hostnam", "x"], 125, "there is no flag --hostnam", "did you mean --hostname?"),
        (
            &["--rm=maybe"],
            125,
            "invalid value 'maybe' for '--rm[=<BOOL>]': it is neither true nor false",
            "conex run --help",
        ),
        (&["--name", "a/b"], 125, "\"a/b\" can't be a name", names),
        (&["--name", "a"], 125, "\"a\" can't be a name", names),
        (
            &["-u", "-1"],
            125,
            "namespaces: read user \"-1\": \"-1\" can't be a name",
            "USER, UID, USER:GROUP or UID:GID",
        ),
        (&["-w", "rel"], 125, "namespaces: use rel as the working directory: it does not begin with /", ""),
        (&["--shm-size", "-1"], 125, "\"-1\" is no size", sizes),
        (
            &["--network", "bridge"],
            125,
            "there is no network bridge yet",
            "--network none and --network host work today; bridges come with chapter 6",
        ),
        (
            &["--cap-add", "NONE"],
            125,
            "there is no capability \"NONE\"",
            "names are those of capabilities(7), with or without CAP_, or ALL",
        ),
        (
            &["--ulimit", "nofile"],
            125,
            "\"nofile\" is no limit: it has no =",
            "NAME=SOFT[:HARD], -1 for no limit: nofile=1024:2048",
        ),
        (
            &["--sysctl", "kernel.core_pattern=|/x"],
            125,
            "sysctl \"kernel.core_pattern\" can't be set: it belongs to the whole machine, not to a container",
            "",
        ),
        (&["--tmpfs", "/"], 125, "a tmpfs needs an absolute path that is not /, not \"/\"", ""),
        (
            &["--detach-keys", "ab"],
            125,
            "\"ab\" are no detach keys",
            "keys are single characters, or ctrl- and one of a-z @ [ \\ ] ^ _, with commas between them",
        ),
        (&["--pid", "container:nobody"], 125, "there is no container nobody", "conex ps -a lists all"),
        (&["-h", "a b"], 125, "\"a b\" can't be a host name", ""),
        (&["-e", "=x"], 125, "a variable of --env has no name", "--env KEY=value"),
        (&["--env-file", "/no/such"], 125, "read /no/such: ENOENT (No such file or directory)", ""),
        (
            &["-it"],
            1,
            "standard input is no terminal, and -t with -i needs one",
            "leave -t out, or start it from a terminal",
        ),
    ];
    for (flags, status, error, hint) in table {
        expect(test, &runs(flags), status, error, hint);
    }
}

fn commands(test: &TestHost) {
    image(test);
    let runs = |flags: &[&str]| conex(test, &[&["run", "--rm"], flags, &["box", "busybox", "true"]].concat());
    let hint = "conex run -it starter, or conex run --rootfs DIR COMMAND";
    expect(test, &conex(test, &["run"]), 1, "an image is missing", hint);
    expect(
        test,
        &conex(test, &["run", "--rootfs", "/no", "true"]),
        125,
        "namespaces: use /no as the root: there is no such directory",
        "",
    );
    expect(test, &conex(test, &["nonsense"]), 1, "there is no command nonsense", "conex nonsense --help");
    expect(test, &conex(test, &["rm"]), 1, "an argument is missing", "conex rm --help");
    expect(test, &conex(test, &["build", "."]), 1, "build does not work yet", "builds come with chapter 7");
    let hint = "networks come with chapter 6";
    expect(test, &runs(&["--publish", "80:80"]), 125, "--publish does not work yet", hint);
    expect(test, &runs(&["-p80:80"]), 125, "-p does not work yet", hint);
}

fn images(test: &TestHost) {
    image(test);
    let of = |name: &str| conex(test, &["run", "--rm", "--pull", "never", name, "true"]);
    expect(test, &of("starer"), 125, "there is no image starer", "did you mean starter?");
    let hint = "conex images lists what is here; conex pull debian asks a registry";
    expect(test, &of("debian"), 125, "there is no image debian", hint);
    let hint = "conex images lists what is here; conex pull docker.io/library/debian asks a registry";
    expect(test, &of("docker.io/library/debian"), 125, "there is no image docker.io/library/debian", hint);
    for bad in ["Debian", "a/../b", "-x", "x@sha256:1", ":tag", "a//b"] {
        let output = conex(test, &["pull", "--", bad]);
        assert!(output.status == 1 && output.err.contains("names no image"), "{bad}: {output:?}");
    }
    let missing = conex(test, &["image", "from-host", "x", "no-such-program"]);
    expect(test, &missing, 1, "this machine has no program \"no-such-program\"", "give its path");
}

fn much(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let root = rootfs.to_str().expect("text");
    let mut arguments = vec!["run", "--rm", "--network", "none", "--rootfs", root, "sh", "-c", "echo $#", "name"];
    arguments.extend(["argument"; 10_000]);
    assert_eq!(conex(test, &arguments).success(), "10000\n");
    let file = test.directory("files").join("env");
    fs::write(&file, format!("BIG={}", "x".repeat(1 << 20))).expect("a file");
    let output = run(test, &rootfs, &["--env-file", file.to_str().expect("text")], "true");
    let error = "an argument or a variable has 1048580 bytes";
    expect(test, &output, 125, error, "the kernel takes 131071 at most");
    fs::write(&file, format!("BIG={}", "x".repeat(131_000))).expect("a file");
    let output = run(test, &rootfs, &["--env-file", file.to_str().expect("text")], "echo ${#BIG}");
    assert_eq!(output.success(), "131000\n");
}

/// Method: the help of the docker that is installed; whatever it names, ours must not call unknown.
fn docker(test: &TestHost) {
    let help = |words: &[&str]| test.run(Command::new("docker").args(words).env("HOME", "/nowhere")).success();
    let run_help = help(&["run", "--help"]);
    let flags = flags_of(&run_help);
    assert!(flags.len() > 100 && flags.contains("--cpus") && flags.contains("-v"), "{flags:?}");
    let unknown: Vec<&String> = flags
        .iter()
        .filter(|flag| {
            // A short switch takes no value: then the x is an image that is not there.
            let long = format!("{flag}=x");
            let words: &[&str] = if flag.starts_with("--") { &[&long] } else { &[flag, "x"] };
            let output = conex(test, &[&["run"], words, &["--dry-run", "starer"]].concat());
            output.err.contains("there is no flag") || output.status == 0 && *flag != "--help"
        })
        .collect();
    assert!(unknown.is_empty(), "neither work nor are refused: {unknown:?}");
    let ours = "ps rm version info image images history import load login logout pull push rmi save tag commit diff \
                attach container cp create exec export inspect kill logs pause rename restart start stats stop top unpause wait";
    let of_images = ["image ls", "image inspect", "image prune"];
    for verb in ours.split_whitespace().chain(of_images) {
        let verb: Vec<&str> = verb.split(' ').collect();
        // Help, so that nothing is done that would last.
        let words = |word: &str| conex(test, &[&verb[..], &[word, "--help"]].concat()).err;
        let named = |word: &&String| words(word).contains("there is no ");
        let told = help(&[&verb[..], &["--help"]].concat());
        let (flags, verbs) = (flags_of(&told), verbs_or_none(&told));
        let unknown: Vec<&String> = flags.iter().chain(&verbs).filter(named).collect();
        assert!(unknown.is_empty(), "{verb:?}: neither work nor are refused: {unknown:?}");
    }
    let global = flags_of(&help(&["--help"]));
    let unknown: Vec<&String> =
        global.iter().filter(|flag| conex(test, &[flag, "ps"]).err.contains("there is no ")).collect();
    assert!(unknown.is_empty(), "before any verb: neither work nor are refused: {unknown:?}");
    let unknown: Vec<String> = verbs(&help(&["--help"]))
        .into_iter()
        .filter(|verb| conex(test, &[verb, "--help"]).err.contains("there is no command"))
        .collect();
    assert!(unknown.is_empty(), "neither work nor are refused: {unknown:?}");
}

/// Long and short flags, as the lines of a help begin with them.
fn flags_of(help: &str) -> BTreeSet<String> {
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let words =
        lines.flat_map(|line| line.split([' ', ',']).take_while(|word| word.is_empty() || word.starts_with('-')));
    words.filter(|word| word.contains(char::is_alphabetic)).map(str::to_owned).collect()
}

/// The first words of the indented lines below headings that end with «Commands:».
fn verbs(help: &str) -> BTreeSet<String> {
    let verbs = verbs_or_none(help);
    assert!(verbs.contains("run") && verbs.contains("pull"), "{verbs:?}");
    verbs
}

fn verbs_or_none(help: &str) -> BTreeSet<String> {
    let mut inside = false;
    let mut verbs = BTreeSet::new();
    for line in help.lines() {
        if !line.starts_with(' ') && !line.is_empty() {
            inside = line.ends_with("Commands:");
        } else if let Some(verb) = line.split_whitespace().next().filter(|_| inside) {
            verbs.insert(verb.trim_end_matches('*').to_owned());
        }
    }
    verbs
}

/// Method: bash itself reads the script, and its function is asked as a key would ask it.
fn completion(test: &TestHost) {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(conex(test, &["completion", shell]).success().contains("CONEX_COMPLETE"), "{shell}");
    }
    image(test);
    conex(test, &["create", "--name", "website", "box"]).success();
    let program = test.program("conex");
    let complete = |words: &str| {
        let count = words.split(' ').count();
        let script = format!(
            "PATH={}:$PATH; source <(conex completion bash); COMP_WORDS=({words}); COMP_CWORD={}; COMP_TYPE=9
             _clap_complete_conex conex {}; echo \"${{COMPREPLY[@]}}\"",
            program.parent().expect("a directory").display(),
            count - 1,
            words.rsplit(' ').next().unwrap_or_default()
        );
        let (root, run_root) = rig::roots(test);
        let mut bash = Command::new("bash");
        bash.env("CONEX_ROOT", root).env("CONEX_RUN_ROOT", run_root).args(["-c", &script]);
        test.run(&mut bash).success()
    };
    for (words, expected) in [
        ("conex rm web", "website"),
        ("conex container inspect web", "website"),
        ("conex rmi b", "box:latest"),
        ("conex inspect web", "website"),
        ("conex run --cidf", "--cidfile"),
        ("conex unp", "unpause"),
    ] {
        assert_eq!(complete(words).trim(), expected, "{words}");
    }
    assert!(complete("conex run b").contains("box:latest"));
    conex(test, &["rm", "website"]).success();
    let pages = test.directory("files").join("man");
    conex(test, &["man", pages.to_str().expect("text")]).success();
    let page = fs::read_to_string(pages.join("conex-run.1")).expect("a page");
    assert!(page.contains(".TH") && page.contains("cidfile"), "{page}");
}
