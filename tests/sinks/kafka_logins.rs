//! Each way in: SCRAM, certificates of clients, tokens of an OIDC provider; and what whoever is not let in is told.

use std::fs;
use std::sync::OnceLock;

use super::kafka_security::{keystore, login, publish, publish_to, refusal};
use crate::support::{Certificates, Kafka, TOKEN_CLIENT, TokenEndpoint, free_port};

/// A broker that knows `admin` with `admin-secret` by each mechanism, and takes tokens with the scope `kafka`.
pub fn broker() -> &'static Kafka {
    static BROKER: OnceLock<Kafka> = OnceLock::new();
    BROKER.get_or_init(|| {
        let module = "org.apache.kafka.common.security";
        let listener = "listener.name.plaintext";
        let scram = format!("{module}.scram.ScramLoginModule required;");
        let kafka = Kafka::start_with(&[
            "listener.security.protocol.map=PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
            "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
            "sasl.mechanism.inter.broker.protocol=PLAIN",
            "inter.broker.listener.name=PLAINTEXT",
            &format!(
                "{listener}.plain.sasl.jaas.config={module}.plain.PlainLoginModule required username=\"admin\" \
                 password=\"admin-secret\" user_admin=\"admin-secret\";"
            ),
            &format!("{listener}.scram-sha-256.sasl.jaas.config={scram}"),
            &format!("{listener}.scram-sha-512.sasl.jaas.config={scram}"),
            &format!(
                "{listener}.oauthbearer.sasl.jaas.config={module}.oauthbearer.OAuthBearerLoginModule required \
                 unsecuredLoginStringClaim_sub=\"admin\" unsecuredValidatorRequiredScope=\"kafka\";"
            ),
        ]);
        let admin = tempfile::NamedTempFile::new().unwrap();
        let login = format!(
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config={module}.plain.PlainLoginModule required \
             username=\"admin\" password=\"admin-secret\";\n"
        );
        fs::write(admin.path(), login).unwrap();
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let credential = format!("{mechanism}=[password=admin-secret]");
            let admin = admin.path().to_str().unwrap();
            let of_user = ["--entity-type", "users", "--entity-name", "admin"];
            let change = ["--alter", "--add-config", &credential];
            let arguments = [&["--command-config", admin][..], &of_user, &change].concat();
            kafka.tool("kafka.admin.ConfigCommand", &arguments);
        }
        kafka
    })
}

#[test]
fn each_mechanism_of_passwords_lets_in_whoever_has_the_right_one() {
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let login = |password: &str| login(mechanism, "admin", password);
        publish(broker(), mechanism, &login("admin-secret")).unwrap();
        let text = refusal(broker(), mechanism, &login("wrong-secret"));
        assert!(
            text.contains("refuses the connection") && text.contains("sasl_*"),
            "{mechanism}: {text}"
        );
        assert!(!text.contains("wrong-secret"), "{text}");
    }
}

/// The options of a client of a token endpoint.
fn tokens(endpoint: &str, secret: &str, more: &str) -> String {
    let (client, _) = TOKEN_CLIENT;
    format!(
        ", \"sasl_client_secret\": \"{secret}\"{more}, \"properties\": {{\"security.protocol\": \"SASL_PLAINTEXT\", \
         \"sasl.mechanism\": \"OAUTHBEARER\", \"sasl.oauthbearer.method\": \"oidc\", \
         \"sasl.oauthbearer.client.id\": \"{client}\", \"sasl.oauthbearer.scope\": \"kafka\", \
         \"sasl.oauthbearer.token.endpoint.url\": \"{endpoint}\"}}"
    )
}

const ONCE: &str = ", \"delivery\": \"exactly_once\"";

#[test]
fn the_token_of_a_provider_lets_the_connector_in_for_all_that_it_does() {
    let endpoint = TokenEndpoint::start(None);
    let (_, secret) = TOKEN_CLIENT;
    publish(broker(), "tokens", &tokens(&endpoint.url(), secret, "")).unwrap();
    assert_eq!(endpoint.asked(), 1);
    // Consumers too, and a topic of settings.
    publish(
        broker(),
        "tokens-once",
        &tokens(&endpoint.url(), secret, ONCE),
    )
    .unwrap();
    assert_eq!(endpoint.asked(), 2);
}

#[test]
fn a_provider_that_gives_no_token_is_told_with_its_words() {
    let endpoint = TokenEndpoint::start(None);
    let options = tokens(&endpoint.url(), "wrong-secret", "");
    let text = refusal(broker(), "no-token", &options);
    assert!(text.contains("it answers 401: no such client"), "{text}");
    assert!(
        text.contains(&endpoint.url()) && text.contains("sasl_*"),
        "{text}"
    );
    assert!(!text.contains("wrong-secret"), "{text}");
}

#[test]
fn a_provider_that_does_not_answer_now_is_asked_again() {
    let endpoint = TokenEndpoint::start(None);
    endpoint.fail(true);
    let (_, secret) = TOKEN_CLIENT;
    let options = tokens(&endpoint.url(), secret, "");
    let error = publish(broker(), "later", &options).unwrap_err();
    assert!(error.class().is_transient(), "{error}");
    assert!(error.to_string().contains("it answers 503"), "{error}");
}

#[test]
fn a_token_that_the_broker_refuses_is_a_refusal() {
    let endpoint = TokenEndpoint::start(None);
    endpoint.give_for(0);
    let (_, secret) = TOKEN_CLIENT;
    let error = publish(broker(), "expired", &tokens(&endpoint.url(), secret, "")).unwrap_err();
    assert_eq!(error.class().exit_code(), 69, "{error}");
}

#[test]
fn a_provider_is_known_by_its_certificate() {
    let certificates = Certificates::new();
    let endpoint = TokenEndpoint::start(Some(&certificates));
    let (_, secret) = TOKEN_CLIENT;
    let trusting = |ca: &Certificates| {
        let options = tokens(&endpoint.url(), secret, "");
        let ca = format!(", \"https.ca.location\": {:?}}}", ca.ca());
        options.strip_suffix('}').unwrap().to_owned() + &ca
    };
    publish(broker(), "https", &trusting(&certificates)).unwrap();
    let error = publish(broker(), "https", &trusting(&Certificates::new())).unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    assert_eq!(endpoint.asked(), 1);
}

#[test]
fn a_client_shows_its_certificate_where_the_broker_wants_one() {
    let certificates = Certificates::new();
    let keystore = keystore(&certificates);
    let tls_port = free_port();
    let kafka = Kafka::start_one(|port| {
        let all = format!("PLAINTEXT://127.0.0.1:{port},TLS://127.0.0.1:{tls_port}");
        let (keystore, ca) = (keystore.path().display(), certificates.ca());
        [
            format!("listeners={all},CONTROLLER://127.0.0.1:{}", port + 1),
            format!("advertised.listeners={all}"),
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SSL"
                .to_owned(),
            "inter.broker.listener.name=PLAINTEXT".to_owned(),
            "ssl.client.auth=required".to_owned(),
            "ssl.keystore.type=PEM".to_owned(),
            format!("ssl.keystore.location={keystore}"),
            "ssl.truststore.type=PEM".to_owned(),
            format!("ssl.truststore.location={}", ca.display()),
        ]
        .into()
    });
    let bootstrap = format!("127.0.0.1:{tls_port}");
    let tls = |client: &Certificates| {
        format!(
            ", \"properties\": {{\"security.protocol\": \"SSL\", \"ssl.ca.location\": {:?}, \
             \"ssl.certificate.location\": {:?}, \"ssl.key.location\": {:?}}}",
            certificates.ca(),
            client.client(),
            client.client_key()
        )
    };
    publish_to(&bootstrap, "shown", &tls(&certificates)).unwrap();
    let without = format!(
        ", \"properties\": {{\"security.protocol\": \"SSL\", \"ssl.ca.location\": {:?}}}",
        certificates.ca()
    );
    for options in [tls(&Certificates::new()), without] {
        let error = publish_to(&bootstrap, "not-shown", &options).unwrap_err();
        assert_eq!(error.class().exit_code(), 69, "{error}");
        assert!(error.to_string().contains("ssl.*"), "{error}");
    }
    let names = kafka.topics().into_iter().map(|(name, _)| name);
    assert_eq!(names.collect::<Vec<_>>(), ["shown", "shown.shop.orders"]);
}
