//! The client of registries beside real ones (Debian's docker-registry), real clients (skopeo, docker), and servers that
//! lie. Each case has a network of its own, with nothing but a loopback link.

#![forbid(unsafe_code)]

mod auth;
mod content;
mod hostile;
mod image;
mod led;
mod mirrors;
mod names;
mod server;
mod tls;
mod transfer;

use std::process::{Command, ExitCode};

use testkit::{Case, TestHost};

const REGISTRY: &[&str] = &["docker-registry"];
const SKOPEO: &[&str] = &["docker-registry", "skopeo"];
const TLS: &[&str] = &["docker-registry", "skopeo", "openssl", "htpasswd"];

/// Not this machine's in our client's eyes, and reachable from this network namespace alone.
const OUTSIDE: &str = "10.99.0.1";

/// A case whose loopback link is up, and has an address that looks like one outside.
macro_rules! online {
    ($case:path) => {
        |test| {
            online(test);
            $case(test)
        }
    };
}

fn online(test: &TestHost) {
    for words in ["link set lo up", &format!("address add {OUTSIDE}/32 dev lo")] {
        test.run(Command::new("busybox").arg("ip").args(words.split(' '))).success();
    }
}

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("what_is_pushed_is_what_skopeo_pulls", online!(transfer::push)).with(SKOPEO),
            Case::root("what_skopeo_pushes_is_what_is_pulled", online!(transfer::pull)).with(SKOPEO),
            Case::root("a_blob_is_taken_over_from_another_repository", online!(transfer::mount)).with(REGISTRY),
            Case::root("a_pull_goes_on_when_the_registry_is_back", online!(transfer::pull_broken)).with(REGISTRY),
            Case::root("a_push_goes_on_when_the_registry_is_back", online!(transfer::push_broken)).with(REGISTRY),
            Case::root("a_proxy_that_takes_little_gets_pieces", online!(transfer::pieces)),
            Case::root("threads_pull_at_once", online!(transfer::threads)).with(REGISTRY),
            Case::root("tls_and_passwords_are_asked_for_and_kept", online!(auth::tls)).with(TLS),
            Case::root(
                "a_certificate_that_signs_itself_is_believed_if_it_is_listed_itself",
                online!(auth::own_certificates),
            )
            .with(&["docker-registry", "openssl"]),
            Case::root("plain_http_is_for_this_machine_and_what_is_named", online!(auth::plain)).with(REGISTRY),
            Case::root("a_token_is_fetched_once_for_each_scope", online!(auth::tokens)),
            Case::root("an_identity_token_is_exchanged", online!(auth::identity)),
            Case::root("a_helper_keeps_passwords_and_fails_closed", online!(auth::helper)).with(&["mount", "umount"]),
            Case::root("mirrors_come_first_and_never_hear_the_origin_s_login", online!(mirrors::first)),
            Case::root("either_of_origin_and_mirror_is_enough", online!(mirrors::kept)).with(REGISTRY),
            Case::root("a_mirror_that_is_down_or_lies_is_passed_over", online!(mirrors::passed_over)),
            Case::root("cve_2020_15157_a_login_never_leaves_its_host", online!(led::login)),
            Case::root("an_answer_leads_nowhere_unsafe", online!(led::unsafe_places)),
            Case::root("bytes_that_are_not_those_of_their_digest_are_refused", online!(content::digests)),
            Case::root("a_blob_is_neither_longer_nor_shorter_than_it_should_be", online!(content::lengths)),
            Case::root("an_endless_manifest_comes_to_an_end", online!(content::endless)),
            Case::root("a_blob_goes_on_where_it_broke", online!(content::ranges)),
            Case::root("a_server_that_is_busy_is_asked_again", online!(content::busy)),
            Case::root("a_server_that_says_nothing_is_given_up", online!(content::stall)),
            Case::root("what_went_wrong_is_said_with_what_helps", online!(content::words)),
            Case::root("references_are_what_docker_takes", names::docker).with(&["docker"]),
        ],
        &[],
    )
}
