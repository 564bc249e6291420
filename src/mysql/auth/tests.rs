//! Logins step by step, and what a hostile server gets.

use proptest::prelude::*;

use super::*;

const NONCE: &[u8; 20] = b"01234567890123456789";
const PASSWORD: &str = "canary-1f9c";

fn login(proposed: &str, is_encrypted: bool, may_ask_for_key: bool) -> Login<'static> {
    let circumstances = Circumstances {
        password: PASSWORD,
        is_encrypted,
        is_local: false,
        may_send_clear: false,
        pinned_key: None,
        may_ask_for_key,
    };
    Login::new(circumstances, proposed, *NONCE)
}

fn may_send_clear(mut login: Login<'static>) -> Login<'static> {
    login.circumstances.may_send_clear = true;
    login
}

fn switch(plugin: &str, challenge: &[u8]) -> Vec<u8> {
    [b"\xfe", plugin.as_bytes(), &[0], challenge].concat()
}

#[track_caller]
fn sent(step: Result<LoginStep, AuthenticationError>) -> Vec<u8> {
    match step {
        Ok(LoginStep::Send(payload)) => payload.to_vec(),
        Ok(LoginStep::Wait) => panic!("it waits"),
        Ok(LoginStep::Done) => panic!("it is done"),
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn refused(step: Result<LoginStep, AuthenticationError>, expected: &str) {
    let Err(error) = step else {
        panic!("'{expected}' was due");
    };
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn the_password_goes_out_under_tls_only() {
    let mut login = login(CACHING_SHA2, true, false);
    assert_eq!(login.first_response().len(), 32);
    assert_eq!(sent(login.read(&[1, 4])), b"canary-1f9c\0");
    assert!(
        login
            .read(&[0, 0, 0, 2, 0, 0, 0])
            .is_ok_and(|step| step == LoginStep::Done)
    );
}

#[test]
fn a_cached_password_needs_no_more() {
    let mut login = login(CACHING_SHA2, false, false);
    assert!(
        login
            .read(&[1, 3])
            .is_ok_and(|step| step == LoginStep::Wait)
    );
}

#[test]
fn without_tls_and_without_leave_no_key_is_asked_for() {
    let mut login = login(CACHING_SHA2, false, false);
    refused(login.read(&[1, 4]), "source.get_source_public_key");
}

#[test]
fn a_key_that_was_not_asked_for_is_not_used() {
    for may_ask in [false, true] {
        let mut login = login(CACHING_SHA2, false, may_ask);
        refused(
            login.read(b"\x01-----BEGIN PUBLIC KEY-----"),
            "does not belong there",
        );
    }
    let mut login = login(CACHING_SHA2, false, true);
    assert_eq!(sent(login.read(&[1, 4])), [REQUEST_KEY]);
    sent(login.read(&switch(NATIVE, NONCE)));
    refused(
        login.read(b"\x01-----BEGIN PUBLIC KEY-----"),
        "does not belong there",
    );
}

#[test]
fn a_key_that_is_none_is_an_error() {
    let mut login = login(CACHING_SHA2, false, true);
    sent(login.read(&[1, 4]));
    refused(login.read(b"\x01-----BEGIN"), "not usable");
}

#[test]
fn a_switch_is_answered_by_the_plugin_asked_for() {
    let mut login = login(CACHING_SHA2, false, false);
    let with_end = [&NONCE[..], &[0]].concat();
    assert_eq!(sent(login.read(&switch(NATIVE, &with_end))).len(), 20);
    assert_eq!(sent(login.read(&switch(NATIVE, NONCE))).len(), 20);
    assert_eq!(sent(login.read(&switch(CACHING_SHA2, &with_end))).len(), 32);
    assert_eq!(sent(login.read(&switch(ED25519, &[7; 32]))).len(), 64);
    assert_eq!(login.plugin(), ED25519);
    for length in [0, 19, 21, 31, 33] {
        refused(
            login.read(&switch(ED25519, &vec![7; length])),
            "wrong length",
        );
        refused(
            login.read(&switch(NATIVE, &vec![7; length])),
            "wrong length",
        );
    }
}

#[test]
fn clear_text_and_what_is_older_than_4_1_are_refused_even_under_tls() {
    for is_encrypted in [false, true] {
        let mut login = login(CACHING_SHA2, is_encrypted, true);
        refused(login.read(&switch(CLEAR, b"")), "clear text");
        refused(login.read(&switch(DIALOG, b"\x04Password: ")), "clear text");
        refused(login.read(&switch(OLD, b"01234567\0")), "before MySQL 4.1");
        refused(login.read(&[0xfe]), "before MySQL 4.1");
        refused(
            login.read(&switch("sha256_password", NONCE)),
            "'sha256_password' is not supported",
        );
        refused(
            login.read(&switch("a\nb", NONCE)),
            "'a\\nb' is not supported",
        );
        refused(login.read(&[2, b'x', 0]), "more than one factor");
        refused(login.read(b"\xfb/etc/passwd"), "a request for a file");
    }
}

#[test]
fn clear_text_goes_out_where_it_may_and_the_connection_is_encrypted() {
    let clear = switch(CLEAR, b"");
    let mut encrypted = may_send_clear(login(CACHING_SHA2, true, false));
    assert_eq!(sent(encrypted.read(&clear)), b"canary-1f9c\0");
    let mut plain = may_send_clear(login(CACHING_SHA2, false, false));
    refused(plain.read(&clear), "clear text");
}

#[test]
fn pam_is_answered_its_question_for_the_password_once() {
    let pam = || may_send_clear(login(CACHING_SHA2, true, false));
    let mut at_once = pam();
    assert_eq!(
        sent(at_once.read(&switch(DIALOG, b"\x05Password: \0"))),
        b"canary-1f9c\0"
    );
    assert!(
        at_once
            .read(&[0, 0, 0, 2, 0, 0, 0])
            .is_ok_and(|step| step == LoginStep::Done)
    );
    let mut before_it_asks = pam();
    assert_eq!(
        sent(before_it_asks.read(&switch(DIALOG, b""))),
        b"canary-1f9c\0"
    );
    refused(
        before_it_asks.read(b"\x05Code: "),
        "the server asks 'Code: '",
    );
    let mut other = pam();
    refused(
        other.read(&switch(DIALOG, b"\x02Colour: ")),
        "the server asks 'Colour: '",
    );
}

#[test]
fn a_unix_socket_may_carry_the_password_that_a_server_has_not_cached() {
    let mut login = login(CACHING_SHA2, false, false);
    login.circumstances.is_local = true;
    assert_eq!(sent(login.read(&[1, 4])), b"canary-1f9c\0");
    refused(login.read(&switch(CLEAR, b"")), "clear text");
}

#[test]
fn a_proposal_that_is_unknown_is_answered_by_one_that_can_be_switched_from() {
    assert_eq!(
        login("sha256_password", false, false).plugin(),
        CACHING_SHA2
    );
    assert_eq!(login("", false, false).plugin(), NATIVE);
    assert_eq!(login(CLEAR, false, false).first_response().len(), 32);
}

#[test]
fn a_refusal_names_the_fix_and_not_the_password() {
    let mut login = login(CACHING_SHA2, false, false);
    let packet = format!("\u{1}\u{15}\u{4}#28000Access denied for 'a' with '{PASSWORD}'");
    let mut packet = packet.into_bytes();
    packet[0] = 0xff;
    let Err(error) = login.read(&packet) else {
        panic!("the server said no");
    };
    let all = format!("{error} {error:?}");
    assert!(!all.contains(PASSWORD), "{all}");
    assert!(all.contains("source.password") && all.contains("source.tls.mode"));
}

proptest! {
    #[test]
    fn hostile_packets_never_panic_nor_fetch_the_password(
        packets in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..80),
                Just(vec![1, 4]),
                Just(vec![1, 3]),
                Just(switch(CACHING_SHA2, NONCE)),
                Just(switch(CLEAR, NONCE)),
                Just(switch(ED25519, &[1; 32])),
            ],
            0..6,
        ),
        may_ask: bool,
    ) {
        let mut login = login(CACHING_SHA2, false, may_ask);
        for packet in packets {
            if let Ok(LoginStep::Send(payload)) = login.read(&packet) {
                let found = payload.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes());
                prop_assert!(!found);
            }
        }
    }
}
