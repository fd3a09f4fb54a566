//! Registries elsewhere, as the machine's files and the user's have them: certificates, passwords, mirrors.

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use testkit::{Output, TestHost};

use super::{forget, online};
use crate::{
    rig::{command, image, is_clean},
    server::Server,
    tls::{ADDRESS, SIGNED, openssl, private, with_tls},
};

/// A /etc whose changes end with it.
struct Etc;

impl Etc {
    fn over(test: &TestHost) -> Self {
        let [upper, work] = ["etc/upper", "etc/work"].map(|name| test.directory(name).display().to_string());
        let options = format!("lowerdir=/etc,upperdir={upper},workdir={work}");
        test.run(Command::new("mount").args(["-t", "overlay", "overlay", "-o", &options, "/etc"])).success();
        Self
    }

    fn write(&self, path: &str, text: &str) {
        let path = Path::new("/etc").join(path);
        fs::create_dir_all(path.parent().expect("below /etc")).expect("made");
        fs::write(path, text).expect("written");
    }
}

impl Drop for Etc {
    fn drop(&mut self) {
        assert!(Command::new("umount").arg("/etc").status().is_ok_and(|status| status.success()));
    }
}

fn reachable(test: &TestHost) {
    test.run(Command::new("busybox").args(["ip", "address", "add", "10.99.0.1/32", "dev", "lo"])).success();
    test.run(Command::new("busybox").args(["ip", "link", "set", "lo", "up"])).success();
}

fn config(test: &TestHost) -> PathBuf {
    test.directory("docker").join("config.json")
}

/// `conex ARGUMENTS…` of a user whose logins the test host has, and who types this.
#[track_caller]
fn conex_hears(test: &TestHost, arguments: &[&str], typed: &str) -> Output {
    let mut command = command(test, arguments);
    command.env("DOCKER_CONFIG", test.directory("docker"));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    // Who needs none of it may be gone already.
    let _ = child.stdin.take().expect("a pipe").write_all(typed.as_bytes());
    let output = child.wait_with_output().expect("ended");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Output { out: text(&output.stdout), err: text(&output.stderr), status: output.status.code().unwrap_or(-1) }
}

#[track_caller]
fn conex(test: &TestHost, arguments: &[&str]) -> Output {
    conex_hears(test, arguments, "")
}

/// All that is said of a failure: one sentence, and what to do.
#[track_caller]
fn refused(output: &Output, message: &str, hint: &str) {
    let (first, rest) = output.err.split_once('\n').expect("a line");
    assert!(first.starts_with("error: ") && first.ends_with(message), "{}", output.err);
    assert_eq!((output.status, rest), (1, format!("hint: {hint}\n").as_str()), "{}", output.err);
}

pub(crate) fn logins(test: &TestHost) {
    reachable(test);
    let etc = Etc::over(test);
    let tls = openssl(test, &SIGNED);
    let _server = private(test, &tls);
    let name = format!("{ADDRESS}/x");
    image(test);
    conex(test, &["tag", "box", &name]).success();
    let push = || conex(test, &["push", "-q", &name]);
    let unknown = format!("the certificate of {ADDRESS} is signed by nobody whom this machine trusts");
    let hint = format!("put the certificate of who signed it into /etc/docker/certs.d/{ADDRESS}/ca.crt");
    refused(&push(), &unknown, &hint);
    let password = |text: &str| conex_hears(test, &["login", "-u", "user", "--password-stdin", ADDRESS], text);
    refused(&password("pass:word\n"), &unknown, &hint);

    etc.write(&format!("docker/certs.d/{ADDRESS}/ca.crt"), &fs::read_to_string(tls.join("ca.crt")).expect("made"));
    let asked = push();
    assert!(asked.err.contains(&format!("{ADDRESS} wants to know who you are")), "{}", asked.err);
    assert!(asked.err.ends_with(&format!("hint: conex login {ADDRESS}\n")), "{}", asked.err);
    let wrong = password("pass:wort\n");
    assert!(wrong.status == 1 && wrong.err.contains(&format!("{ADDRESS} does not allow it")), "{wrong:?}");
    assert!(!wrong.err.contains("wort") && !config(test).exists(), "{wrong:?}");
    assert_eq!(password("pass:word\n").success(), "Login Succeeded\n");
    assert_eq!(fs::metadata(config(test)).expect("kept").permissions().mode() & 0o777, 0o600);
    push().success();
    forget(test);
    conex(test, &["pull", "-q", &name]).success();
    assert_eq!(super::run(test, &name, &["busybox", "echo", "here"]).success(), "here\n");

    let logout = || conex(test, &["logout", ADDRESS]).success();
    assert_eq!(logout(), format!("Removing login credentials for {ADDRESS}\n"));
    assert_eq!(logout(), format!("Not logged in to {ADDRESS}\n"));
    assert!(!fs::read_to_string(config(test)).expect("kept").contains(ADDRESS));
    let stranger = conex(test, &["pull", "-q", &name]);
    assert!(stranger.status == 1 && stranger.err.ends_with(&format!("hint: conex login {ADDRESS}\n")), "{stranger:?}");
    assert!(is_clean(test));
}

/// Method: what only the mirror has is pulled, of the Hub and of another host; then the mirror is gone.
pub(crate) fn mirrors(test: &TestHost) {
    reachable(test);
    let etc = Etc::over(test);
    let origin = online(test);
    let mirror = Server::start(test, "127.0.0.1:5001");
    etc.write("docker/daemon.json", r#"{"registry-mirrors": ["http://127.0.0.1:5001/"]}"#);
    etc.write("conex/registries.json", r#"{"127.0.0.1:5000": {"mirrors": ["http://127.0.0.1:5001"]}}"#);
    image(test);
    for name in ["127.0.0.1:5001/library/hub", "127.0.0.1:5001/there", "127.0.0.1:5000/both", "127.0.0.1:5001/both"] {
        conex(test, &["tag", "box", name]).success();
        conex(test, &["push", "-q", name]).success();
    }
    forget(test);
    let runs = |name: &str| {
        conex(test, &["pull", "-q", name]).success();
        assert_eq!(super::run(test, name, &["busybox", "echo", "here"]).success(), "here\n");
        forget(test);
    };
    ["hub", "127.0.0.1:5000/there", "127.0.0.1:5000/both"].iter().for_each(|name| runs(name));
    drop(origin);
    runs("127.0.0.1:5000/both");
    drop(mirror);
    let nobody = conex(test, &["pull", "-q", "127.0.0.1:5000/both"]);
    assert!(nobody.status == 1 && nobody.err.contains("connect to 127.0.0.1:5000: ECONNREFUSED"), "{nobody:?}");
    let _origin = Server::start(test, "127.0.0.1:5000");
    runs("127.0.0.1:5000/both");
    // Nobody in this network knows where the Hub is; that it is asked shows that the mirror is passed over.
    let hub = conex(test, &["pull", "-q", "hub"]);
    refused(&hub, "the name registry-1.docker.io can't be resolved", "look at its spelling, and at /etc/resolv.conf");
    assert!(is_clean(test));
}

/// A proxy; hears what it is asked for first.
fn proxy() -> (String, Receiver<String>) {
    let (heard, hears) = channel();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let heard = heard.clone();
            thread::spawn(move || carry(client, &heard));
        }
    });
    (format!("http://{address}"), hears)
}

fn carry(client: TcpStream, heard: &Sender<String>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let head: Vec<String> = (&mut reader).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    heard.send(head.first()?.clone()).ok()?;
    let server = TcpStream::connect(head[0].split(' ').nth(1)?).ok()?;
    (&client).write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let mut back = (server.try_clone().ok()?, client);
    thread::spawn(move || io::copy(&mut back.0, &mut back.1));
    io::copy(&mut reader, &mut &server).ok().map(drop)
}

pub(crate) fn proxied(test: &TestHost) {
    reachable(test);
    let etc = Etc::over(test);
    let tls = openssl(test, &SIGNED);
    let _server = Server::with(test, ADDRESS, &with_tls(&tls), "");
    etc.write(&format!("docker/certs.d/{ADDRESS}/ca.crt"), &fs::read_to_string(tls.join("ca.crt")).expect("made"));
    let name = format!("{ADDRESS}/x");
    image(test);
    conex(test, &["tag", "box", &name]).success();
    let push = |proxy: &str| test.run(command(test, &["push", "-q", &name]).env("HTTPS_PROXY", proxy));
    let (address, heard) = proxy();
    push(&address).success();
    let heard: Vec<String> = heard.try_iter().collect();
    assert!(!heard.is_empty() && heard.iter().all(|line| line == "CONNECT 10.99.0.1:5000 HTTP/1.1"), "{heard:?}");
    let nobody = push("http://127.0.0.1:1");
    assert!(nobody.status == 1 && nobody.err.contains("ECONNREFUSED"), "{nobody:?}");
    assert!(is_clean(test));
}
