//! Private Apicurio registries.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};

use super::private::Private;

/// A registry in memory, which ends with its value.
pub struct Apicurio {
    private: Private,
}

impl Apicurio {
    #[track_caller]
    pub fn start() -> Self {
        Self {
            private: Private::start("apicurio-3.3", &[], is_up),
        }
    }

    /// Where it speaks as Confluent's registry does.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.private.port())
    }

    /// Where it speaks as itself, in the version that Connect's converter knows.
    pub fn own_url(&self) -> String {
        format!("http://127.0.0.1:{}/apis/registry/v2", self.private.port())
    }

    /// The schema with a number.
    pub fn schema(&self, number: u32) -> String {
        let answer = self.ask("GET", &format!("/schemas/ids/{number}"), "");
        answer["schema"].as_str().unwrap().to_owned()
    }

    pub fn set_compatibility(&self, subject: &str, level: &str) {
        let body = json!({ "compatibility": level });
        self.ask("PUT", &format!("/config/{subject}"), &body.to_string());
    }

    pub fn compatibility(&self, subject: &str) -> String {
        let answer = self.ask("GET", &format!("/config/{subject}"), "");
        answer["compatibilityLevel"].as_str().unwrap().to_owned()
    }

    /// The last schema of a subject.
    pub fn latest(&self, subject: &str) -> String {
        let answer = self.ask("GET", &format!("/subjects/{subject}/versions/latest"), "");
        answer["schema"].as_str().unwrap().to_owned()
    }

    /// How many schemas a subject has.
    pub fn versions(&self, subject: &str) -> usize {
        let answer = self.ask("GET", &format!("/subjects/{subject}/versions"), "");
        answer.as_array().unwrap().len()
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.private.port())).unwrap();
        write!(
            stream,
            "{method} /apis/ccompat/v7{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/vnd.schemaregistry.v1+json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("HTTP/1.1 200"),
            "{method} {path}: {answer}"
        );
        // It may come in pieces, each after its length.
        let start = body.find(['{', '[']).unwrap();
        let end = body.rfind(['}', ']']).unwrap();
        serde_json::from_str(&body[start..=end]).unwrap()
    }
}

fn is_up(_folder: &Path, _port: u16, log: &str) -> bool {
    log.contains("Listening on:")
}
