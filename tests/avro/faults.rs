//! Registries that refuse, are slow, talk nonsense or are gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::json;

use super::binlog;
use super::stub::{Fault, Stub, reply};
use crate::commands::process::{Folder, PASSWORD};
use crate::support::{Certificates, Kafka, WebCall, WebReply};

/// A connector from a binlog file to topics of its own.
pub struct Subject {
    pub folder: Folder,
    prefix: String,
}

impl Subject {
    /// With further lines for the sink, and those of its section `registry`.
    pub fn new(urls: &str, more: &str, registry: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let prefix = format!("avro{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = Folder::new(&format!(
            "state_dir = '{{dir}}/state'\n[source]\nfiles = ['{}']\nstart = 'earliest'\n[filter]\n\
             replicate-do-table = ['peers.orders']\n\
             [sink]\ntype = 'kafka'\nformat = 'avro'\nbootstrap_servers = '{}'\nprefix = '{prefix}'\n{more}\n\
             [sink.registry]\nurls = '{urls}'\n{registry}\n",
            binlog().display(),
            Kafka::shared().bootstrap(),
        ));
        Self { folder, prefix }
    }

    /// Its next run begins anew: what the state folder knows of the binlog goes, what it knows of schemas stays.
    pub fn forget_place(&self) {
        std::fs::remove_file(self.folder.path("state/shop/relay-log.info")).unwrap();
    }

    pub fn fails(&self, code: i32, fragments: &[&str]) {
        self.folder.fails(code, fragments);
    }

    pub fn succeeds(&self) -> String {
        let ended = self
            .folder
            .succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
        assert!(!ended.stderr.contains(PASSWORD), "{}", ended.stderr);
        ended.stderr
    }

    /// How many records the table's topic has; 0 without a topic.
    pub fn records(&self) -> usize {
        let topic = format!("{}.peers.orders", self.prefix);
        let topics = Kafka::shared().topics();
        match topics.iter().any(|(name, _)| *name == topic) {
            true => Kafka::shared().records(&topic).len(),
            false => 0,
        }
    }
}

/// A registry that answers values' schemas so.
fn refusing(status: u16, body: &'static str) -> Stub {
    Stub::with(
        None,
        fault(move |_| Some(WebReply::Answer(status, body.to_owned()))),
    )
}

fn fault(fault: impl Fn(&WebCall) -> Option<WebReply> + Send + 'static) -> Fault {
    Box::new(fault)
}

fn is_registration(call: &WebCall) -> bool {
    call.method == "POST" && call.path.ends_with("/versions")
}

#[test]
fn a_schema_is_asked_about_once_and_a_row_never() {
    let stub = Stub::start();
    let subject = Subject::new(&stub.web.url(), "", "");
    subject.succeeds();
    let records = subject.records();
    assert!(records > 10, "{records}");
    let calls = stub.web.calls();
    let of = |subject: &str| {
        let path = format!("/subjects/{subject}/versions");
        calls.iter().filter(|call| call.path == path).count()
    };
    let table = format!("{}.peers.orders", subject.prefix);
    // The table is altered once: two schemas of values, one of keys.
    assert_eq!(of(&format!("{table}-key")), 1);
    assert_eq!(of(&format!("{table}-value")), 2);
    // Those of statements.
    assert_eq!(of(&format!("{}-key", subject.prefix)), 1);
    assert_eq!(of(&format!("{}-value", subject.prefix)), 1);
    assert_eq!(calls.len(), 5, "{calls:?}");
}

#[test]
fn subjects_are_named_as_the_strategy_says() {
    for (strategy, key, value) in [
        ("record", "{record}.Key", "{record}.Envelope"),
        (
            "topic_record",
            "{topic}-{record}.Key",
            "{topic}-{record}.Envelope",
        ),
    ] {
        let stub = Stub::start();
        let strategy = format!("subject_name_strategy = '{strategy}'");
        let subject = Subject::new(&stub.web.url(), "", &strategy);
        subject.succeeds();
        let topic = format!("{}.peers.orders", subject.prefix);
        let named = |name: &str| name.replace("{topic}", &topic).replace("{record}", &topic);
        let subjects = stub.subjects();
        for name in [named(key), named(value)] {
            assert!(subjects.contains(&name), "{name} is not in {subjects:?}");
        }
    }
}

#[test]
fn a_registry_that_is_down_does_not_stop_a_connector_whose_schemas_it_knows() {
    let is_down = Arc::new(AtomicBool::new(false));
    let own = Arc::clone(&is_down);
    let stub = Stub::with(
        None,
        fault(move |_| {
            let is_down = own.load(Ordering::Relaxed);
            is_down.then(|| WebReply::Answer(503, "later".to_owned()))
        }),
    );
    let subject = Subject::new(&stub.web.url(), "", "");
    subject.succeeds();
    let first = subject.records();
    is_down.store(true, Ordering::Relaxed);
    subject.forget_place();
    let log = subject.succeeds();
    assert!(
        log.contains("going on with the number that is known"),
        "{log}"
    );
    assert_eq!(subject.records(), 2 * first);
}

#[test]
fn numbers_of_a_registry_that_was_set_up_anew_are_asked_for_again() {
    let stub = Stub::start();
    let subject = Subject::new(&stub.web.url(), "", "");
    subject.succeeds();
    stub.forget();
    subject.forget_place();
    subject.succeeds();
    let count = stub.subjects().len();
    assert_eq!(count, 5, "{:?}", stub.subjects());
}

#[test]
fn whoever_is_not_let_in_is_told_what_to_correct() {
    for status in [401, 403] {
        let stub = refusing(status, r#"{"error_code":40101,"message":"Unauthorized"}"#);
        let account = format!("username = 'u'\npassword = '{PASSWORD}'");
        let subject = Subject::new(&stub.web.url(), "", &account);
        subject.fails(
            69,
            &[
                "refuses to take schema",
                "Unauthorized",
                "correct username and password",
            ],
        );
        assert_eq!(subject.records(), 0);
    }
}

#[test]
fn an_account_or_a_token_is_shown_and_no_log_has_it() {
    let stub = Stub::start();
    let account = format!("username = 'u'\npassword = '{PASSWORD}'");
    Subject::new(&stub.web.url(), "", &account).succeeds();
    let expected = {
        use base64::Engine as _;
        let account = format!("u:{PASSWORD}");
        format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(account)
        )
    };
    let shown = |stub: &Stub| stub.web.calls()[0].authorization.clone().unwrap();
    assert_eq!(shown(&stub), expected);
    let stub = Stub::start();
    Subject::new(&stub.web.url(), "", &format!("token = '{PASSWORD}'")).succeeds();
    assert_eq!(shown(&stub), format!("Bearer {PASSWORD}"));
}

#[test]
fn a_registry_over_tls_is_trusted_by_its_authority_and_sees_the_connectors_certificate() {
    let certificates = Certificates::new();
    let stub = Stub::with(Some(&certificates), fault(|_| None));
    let ca = format!("ssl_ca = '{}'", certificates.ca().display());
    let own = format!(
        "ssl_cert = '{}'\nssl_key = '{}'",
        certificates.client().display(),
        certificates.client_key().display()
    );
    Subject::new(&stub.web.url(), "", &format!("{ca}\n{own}")).succeeds();
    assert!(stub.web.calls().len() > 3);
    let stranger = Certificates::new();
    let ca = format!("ssl_ca = '{}'", stranger.ca().display());
    Subject::new(&stub.web.url(), "", &format!("{ca}\n{own}"))
        .fails(75, &["no schema registry answers"]);
}

#[test]
fn a_schema_that_is_not_compatible_is_refused_with_its_fields_and_nothing_of_it_is_written() {
    // The second schema of the table's values.
    let seen = AtomicU64::new(0);
    let stub = Stub::with(
        None,
        fault(move |call| {
            if call.path.starts_with("/compatibility/") {
                assert!(
                    call.path.ends_with("/versions/latest?verbose=true"),
                    "{}",
                    call.path
                );
                let told =
                    json!({"is_compatible": false, "messages": ["the registry's own words"]});
                return Some(reply(200, &told));
            }
            if is_registration(call) && call.path.contains("orders-value") {
                let count = seen.fetch_add(1, Ordering::Relaxed);
                return (count > 0)
                    .then(|| reply(409, &json!({"error_code": 409, "message": "incompatible"})));
            }
            None
        }),
    );
    let subject = Subject::new(&stub.web.url(), "", "");
    subject.fails(
        69,
        &[
            "not compatible",
            "the registry's own words",
            "field before.note is new",
            "field before.customer was null or string and is string",
            "on_incompatible = \"force\"",
        ],
    );
    let subjects = stub.subjects();
    let of_table = subjects
        .iter()
        .filter(|name| name.ends_with("orders-value"));
    assert_eq!(of_table.count(), 1, "{subjects:?}");
}

#[test]
fn an_incompatible_schema_goes_in_by_choice_and_the_subject_is_what_it_was() {
    let level = Arc::new(std::sync::Mutex::new("BACKWARD".to_owned()));
    let (own, seen) = (Arc::clone(&level), AtomicU64::new(0));
    let stub = Stub::with(
        None,
        fault(move |call| {
            if call.path.starts_with("/config/") {
                if call.method == "PUT" {
                    let body: serde_json::Value = serde_json::from_str(&call.body).unwrap();
                    *own.lock().unwrap() = body["compatibility"].as_str().unwrap().to_owned();
                    return Some(reply(200, &body));
                }
                return Some(reply(
                    200,
                    &json!({"compatibilityLevel": *own.lock().unwrap()}),
                ));
            }
            if is_registration(call) && call.path.contains("orders-value") {
                let is_second = seen.fetch_add(1, Ordering::Relaxed) > 0;
                let refuses = is_second && *own.lock().unwrap() != "NONE";
                return refuses.then(|| reply(409, &json!({"error_code": 409, "message": "no"})));
            }
            None
        }),
    );
    let subject = Subject::new(&stub.web.url(), "", "on_incompatible = 'force'");
    let log = subject.succeeds();
    assert!(log.contains("registered all the same"), "{log}");
    assert_eq!(*level.lock().unwrap(), "BACKWARD");
}

#[test]
fn a_schema_that_the_registry_does_not_take_stops_the_connector() {
    let stub = refusing(422, r#"{"error_code":42201,"message":"Invalid schema"}"#);
    let subject = Subject::new(&stub.web.url(), "", "");
    subject.fails(
        69,
        &[
            "refuses schema",
            "-key",
            "Invalid schema",
            "leave the table out",
        ],
    );
    assert_eq!(subject.records(), 0);
}

#[test]
fn what_is_no_registry_is_called_so() {
    for (status, body) in [
        (200, "<html>Welcome</html>"),
        (404, "nothing here"),
        (302, ""),
    ] {
        let stub = refusing(status, body);
        Subject::new(&stub.web.url(), "", "")
            .fails(78, &["is no schema registry", "correct sink.registry.urls"]);
    }
}

#[test]
fn a_schema_that_is_to_be_there_and_is_not_is_told() {
    let stub = refusing(404, r#"{"error_code":40403,"message":"Schema not found"}"#);
    Subject::new(&stub.web.url(), "", "register = false")
        .fails(69, &["is not at", "register = true"]);
}

#[test]
fn another_address_is_asked_where_one_fails_or_does_not_answer() {
    let failing = refusing(
        500,
        r#"{"error_code":50001,"message":"Error in the backend"}"#,
    );
    let silent = Stub::with(None, fault(|_| Some(WebReply::Silence)));
    let stub = Stub::start();
    let closed = format!("http://localhost:{}", crate::support::free_port());
    let urls = [closed, failing.web.url(), silent.web.url(), stub.web.url()].join(", ");
    let subject = Subject::new(&urls, "", "timeout = '500ms'");
    subject.succeeds();
    assert!(subject.records() > 10);
    // The one that answers is asked first from then on.
    assert_eq!(silent.web.calls().len(), 1);
}

#[test]
fn a_registry_that_fails_in_the_middle_loses_nothing() {
    let is_down = Arc::new(AtomicBool::new(true));
    let own = Arc::clone(&is_down);
    // The table's second schema cannot be registered at first.
    let seen = AtomicU64::new(0);
    let stub = Stub::with(
        None,
        fault(move |call| {
            let is_value = is_registration(call) && call.path.contains("orders-value");
            let is_second = is_value && seen.fetch_add(1, Ordering::Relaxed) > 0;
            (is_second && own.load(Ordering::Relaxed)).then(|| {
                WebReply::Answer(500, "{\"error_code\":500,\"message\":\"no\"}".to_owned())
            })
        }),
    );
    let subject = Subject::new(&stub.web.url(), "", "");
    subject.fails(75, &["no schema registry answers"]);
    let part = subject.records();
    is_down.store(false, Ordering::Relaxed);
    subject.succeeds();
    let healthy = Stub::start();
    let other = Subject::new(&healthy.web.url(), "", "");
    other.succeeds();
    let whole = other.records();
    assert!(part < whole, "{part} of {whole}");
    // At least once: what was there before may come again.
    assert!(
        subject.records() >= whole,
        "{} of {whole}",
        subject.records()
    );
}

#[test]
fn a_registry_that_is_down_for_good_ends_the_connector_in_the_end() {
    let stub = refusing(
        500,
        r#"{"error_code":50001,"message":"Error in the backend"}"#,
    );
    Subject::new(&stub.web.url(), "", "").fails(
        75,
        &[
            "no schema registry answers",
            "Error in the backend",
            "check sink.registry.urls",
        ],
    );
}

#[test]
fn mistakes_in_the_section_are_all_told_at_once() {
    let subject = Subject::new(
        "ftp://a, http://u:p@b",
        "",
        "username = 'u'\nssl_cert = 'c'\ntimeout = '0s'",
    );
    let ended = subject.folder.run(&["check", "shop.toml"]);
    for fragment in [
        "urls: is no URL",
        "username: has no password",
        "ssl_cert: has no key",
        "timeout: is zero",
    ] {
        let told = format!("{}{}", ended.stdout, ended.stderr);
        assert!(told.contains(fragment), "'{fragment}' is not in: {told}");
    }
}

#[test]
fn a_check_looks_whether_the_registry_answers() {
    let stub = Stub::with(
        None,
        fault(|call| (call.path == "/subjects").then(|| reply(200, &json!([])))),
    );
    let subject = Subject::new(&stub.web.url(), "", "");
    let checked = |subject: &Subject| {
        let ended = subject.folder.run(&["check", "shop.toml"]);
        (ended.code, ended.stdout)
    };
    let (_, told) = checked(&subject);
    assert!(told.contains("the schema registry answers at"), "{told}");
    assert!(stub.subjects().is_empty());
    let stub = refusing(401, r#"{"error_code":40101,"message":"Unauthorized"}"#);
    let (code, told) = checked(&Subject::new(&stub.web.url(), "", ""));
    assert_eq!(code, Some(69), "{told}");
    assert!(told.contains("correct username and password"), "{told}");
}
