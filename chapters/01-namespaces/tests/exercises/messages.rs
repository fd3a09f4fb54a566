//! `Socket::receive`.

use std::{
    fs::File,
    io::Read,
    os::fd::{AsFd, OwnedFd},
};

use conex_namespaces::Socket;
use rustix::io::{FdFlags, fcntl_getfd};
use testkit::{Case, TestHost, saw};

pub(crate) const CASES: &[Case] = &[
    Case::exercise("namespaces.messages: a message and its descriptor arrive", message),
    Case::exercise("namespaces.messages: a message is whole, however long it is", long),
    Case::exercise("namespaces.messages: the end of the other side is told", end),
    Case::exercise("namespaces.messages: what was said before the end is heard first", said_before_the_end),
];

fn ends() -> (Socket, Socket) {
    Socket::pair().expect("a pair")
}

/// What is heard next, told for the hint.
fn hear(socket: &Socket) -> Option<(Vec<u8>, Option<OwnedFd>)> {
    let heard = socket.receive().unwrap_or_else(|error| {
        saw(&format!("the receive failed: {error}"));
        panic!("the receive failed: {error}")
    });
    match &heard {
        None => saw("the end was told"),
        Some((bytes, descriptor)) => {
            let along = if descriptor.is_some() { "with" } else { "without" };
            saw(&format!("a message of {} bytes was told, {along} a descriptor", bytes.len()));
        }
    }
    heard
}

fn message(_test: &TestHost) {
    let (one, other) = ends();
    let file = File::open("/proc/self/status").expect("a file");
    one.send(b"born", Some(file.as_fd())).expect("said");
    one.send(b"\0", None).expect("said");
    let (bytes, descriptor) = hear(&other).expect("a message");
    assert_eq!(bytes, b"born");
    let descriptor = descriptor.expect("a descriptor came along");
    let flags = fcntl_getfd(&descriptor).expect("flags");
    assert!(flags.contains(FdFlags::CLOEXEC), "the container's program would inherit the descriptor");
    let mut text = String::new();
    File::from(descriptor).read_to_string(&mut text).expect("text");
    assert!(text.starts_with("Name:"), "the descriptor is the file that was sent");
    let (bytes, descriptor) = hear(&other).expect("a message");
    assert_eq!(bytes, b"\0", "a message of one byte, whatever the byte");
    assert!(descriptor.is_none(), "nothing was sent along");
}

fn long(_test: &TestHost) {
    let (one, other) = ends();
    let sent: Vec<u8> = (0..100_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    one.send(&sent, None).expect("said");
    one.send(b"next", None).expect("said");
    let heard = hear(&other).expect("a message").0;
    assert!(heard == sent, "of {} bytes, {} came, or others", sent.len(), heard.len());
    assert_eq!(hear(&other).expect("a message").0, b"next");
}

fn end(_test: &TestHost) {
    let (one, other) = ends();
    drop(one);
    assert!(hear(&other).is_none(), "no bytes are the end");
}

fn said_before_the_end(_test: &TestHost) {
    let (one, other) = ends();
    one.send(b"first", None).expect("said");
    one.send(b"second", None).expect("said");
    other.send(b"left unread", None).expect("said");
    drop(one);
    let heard = || hear(&other).map(|(bytes, _)| bytes);
    assert_eq!((heard(), heard(), heard()), (Some(b"first".to_vec()), Some(b"second".to_vec()), None));
}
