//! A registry that remembers what it is told, for what is not about registries; its faults are a test's.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::{Certificates, Web, WebCall, WebReply, tls};

/// A registry of the tests' own.
pub struct Stub {
    pub web: Web,
    schemas: Arc<Mutex<Vec<(String, String)>>>,
}

/// What a test answers in the place of the registry; `None` for its own answer.
pub type Fault = Box<dyn Fn(&WebCall) -> Option<WebReply> + Send>;

impl Stub {
    pub fn start() -> Self {
        Self::with(None, Box::new(|_| None))
    }

    /// One that answers some requests in another way; with certificates, over TLS for clients of the same authority only.
    pub fn with(certificates: Option<&Certificates>, fault: Fault) -> Self {
        let schemas: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let own = Arc::clone(&schemas);
        let tls = certificates.map(|certificates| tls(certificates, true));
        let web = Web::start(tls, move |call| {
            fault(call).unwrap_or_else(|| answer(call, &own))
        });
        Self { web, schemas }
    }

    /// The schema with a number.
    pub fn schema(&self, number: u32) -> String {
        let index = usize::try_from(number).unwrap() - 1;
        self.schemas.lock().unwrap()[index].1.clone()
    }

    /// The subjects in the order of their schemas' numbers.
    pub fn subjects(&self) -> Vec<String> {
        let schemas = self.schemas.lock().unwrap();
        schemas.iter().map(|(subject, _)| subject.clone()).collect()
    }

    /// Forgets everything, as a registry that was set up anew.
    pub fn forget(&self) {
        self.schemas.lock().unwrap().clear();
    }
}

fn answer(call: &WebCall, schemas: &Mutex<Vec<(String, String)>>) -> WebReply {
    let mut schemas = schemas.lock().unwrap();
    let parts: Vec<&str> = call.path.trim_start_matches('/').split('/').collect();
    match (&*call.method, &parts[..]) {
        ("POST", ["subjects", subject, "versions"]) => {
            let body: Value = serde_json::from_str(&call.body).unwrap();
            let text = body["schema"].as_str().unwrap().to_owned();
            let known = schemas.iter().position(|(_, known)| *known == text);
            let index = known.unwrap_or_else(|| {
                schemas.push(((*subject).to_owned(), text));
                schemas.len() - 1
            });
            reply(200, &json!({ "id": index + 1 }))
        }
        ("GET", ["schemas", "ids", number]) => {
            let number: usize = number.parse().unwrap();
            match schemas.get(number.wrapping_sub(1)) {
                Some((_, text)) => reply(200, &json!({ "schema": text })),
                None => reply(
                    404,
                    &json!({"error_code": 40403, "message": "Schema not found"}),
                ),
            }
        }
        ("GET", ["subjects", subject, "versions", "latest"]) => {
            let last = schemas.iter().rev().find(|(known, _)| known == subject);
            match last {
                Some((_, text)) => reply(200, &json!({ "schema": text })),
                None => reply(
                    404,
                    &json!({"error_code": 40401, "message": "Subject not found"}),
                ),
            }
        }
        (_, _) => reply(
            404,
            &json!({"error_code": 404, "message": "HTTP 404 Not Found"}),
        ),
    }
}

pub fn reply(status: u16, body: &Value) -> WebReply {
    WebReply::Answer(status, body.to_string())
}
