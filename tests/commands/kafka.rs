//! What rowtap says when Kafka is away.

use super::process::{Folder, account};
use crate::support::{Flavour, Server};

#[test]
fn a_kafka_that_nobody_answers_for_is_given_up() {
    let server = Server::shared(Flavour::MySql97);
    account(server, "no_kafka");
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let folder = Folder::streaming(server, "no_kafka").replacing(
        "type = 'file'\nfolder = '{dir}/changes'",
        &format!("type = 'kafka'\nbootstrap_servers = '127.0.0.1:{port}'"),
    );
    folder.fails(75, &["gave up after 3 failures", "bootstrap_servers"]);
}
