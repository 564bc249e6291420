//! Requests to a schema registry and what its answers mean.
//!
//! Follows "Schema Registry API Reference" of Confluent, which Apicurio and Karapace speak too.

use std::time::Duration;

use hyper::{Method, Uri};
use serde::Deserialize;
use serde_json::{Value, json};

use super::differences::differences;
use super::options::RegistryOptions;
use crate::encode::AvroSchema;
use crate::sink::RegistryError;
use crate::sink::web::{self, Trust, WebAnswer, WebRequest, encoded};

const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const ACCEPT: &str = "application/vnd.schemaregistry.v1+json, application/json";
const SAID_CHARS_MAX: usize = 500;

/// A registry at one or several addresses.
pub(super) struct Client {
    bases: Vec<String>,
    /// The address that answered last.
    current: usize,
    trust: Trust,
    authorization: Option<String>,
    timeout: Duration,
}

/// An answer, and whose.
struct Answer {
    url: String,
    status: u16,
    body: Vec<u8>,
}

/// What became of a schema that was to be registered.
pub(super) enum Registered {
    /// It has this number.
    Number(u32),
    /// It is not compatible with the one before it: why, as the registry says.
    Incompatible {
        /// Who says so.
        url: String,
        /// What it says.
        reason: String,
    },
}

#[derive(Deserialize)]
struct Number {
    id: u32,
}

#[derive(Deserialize)]
struct Text {
    schema: String,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

#[derive(Deserialize)]
struct Compatibility {
    #[serde(default)]
    messages: Vec<String>,
}

#[derive(Deserialize)]
struct Level {
    #[serde(rename = "compatibilityLevel")]
    level: String,
}

impl Client {
    pub(super) fn new(options: &RegistryOptions) -> Self {
        Self {
            bases: options.bases(),
            current: 0,
            trust: options.trust(),
            authorization: options.authorization(),
            timeout: options.timeout,
        }
    }

    /// The addresses, for messages and files.
    pub(super) fn urls(&self) -> String {
        self.bases.join(", ")
    }

    /// Looks whether there is a registry that lets the connector in; gives its address.
    ///
    /// # Errors
    /// That there is none, or that it does not.
    pub(super) async fn probe(&mut self) -> Result<String, RegistryError> {
        let subject = "of any table";
        let answer = self.ask(subject, Method::GET, "/subjects", None).await?;
        answer.read::<Vec<String>>(subject)?;
        Ok(answer.url)
    }

    /// Registers a schema, or finds that it is there.
    ///
    /// # Errors
    /// What the registry refuses, or that none answers.
    pub(super) async fn register(
        &mut self,
        subject: &str,
        schema: &AvroSchema,
    ) -> Result<Registered, RegistryError> {
        let path = format!("/subjects/{}/versions", encoded(subject));
        let body = json!({ "schema": schema.text });
        let answer = self.ask(subject, Method::POST, &path, Some(&body)).await?;
        if answer.status == 409 {
            let (url, mut reason) = (answer.url.clone(), answer.said());
            if let Some(told) = self.judged(subject, schema).await {
                reason = told;
            }
            if let Some(fields) = self.differences(subject, schema).await {
                reason = format!("{reason}; what differs: {fields}");
            }
            return Ok(Registered::Incompatible { url, reason });
        }
        Ok(Registered::Number(answer.number(subject)?))
    }

    /// The number of a schema that is under a subject.
    ///
    /// # Errors
    /// That it is not there, what the registry refuses, or that none answers.
    pub(super) async fn look_up(
        &mut self,
        subject: &str,
        schema: &AvroSchema,
    ) -> Result<u32, RegistryError> {
        let path = format!("/subjects/{}", encoded(subject));
        let body = json!({ "schema": schema.text });
        let answer = self.ask(subject, Method::POST, &path, Some(&body)).await?;
        if answer.status == 404 && answer.refusal().is_some() {
            return Err(RegistryError::NotRegistered {
                subject: subject.to_owned(),
                url: answer.url,
            });
        }
        answer.number(subject)
    }

    /// Whether a number is that of a schema, as the registry has it now.
    ///
    /// # Errors
    /// What the registry refuses, or that none answers.
    pub(super) async fn has(
        &mut self,
        subject: &str,
        schema: &AvroSchema,
        number: u32,
    ) -> Result<bool, RegistryError> {
        let path = format!("/schemas/ids/{number}");
        let answer = self.ask(subject, Method::GET, &path, None).await?;
        if answer.status == 404 && answer.refusal().is_some() {
            return Ok(false);
        }
        let text: Text = answer.read(subject)?;
        let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
        Ok(parsed(&text.schema) == parsed(&schema.text))
    }

    /// Registers a schema whatever came before it: for that moment the subject takes any.
    ///
    /// # Errors
    /// What the registry refuses, or that none answers.
    pub(super) async fn force(
        &mut self,
        subject: &str,
        schema: &AvroSchema,
    ) -> Result<Registered, RegistryError> {
        let path = format!("/config/{}", encoded(subject));
        let former = self.ask(subject, Method::GET, &path, None).await?;
        let former = match former.status {
            404 => None,
            _there => Some(former.read::<Level>(subject)?.level),
        };
        let none = json!({ "compatibility": "NONE" });
        let answer = self.ask(subject, Method::PUT, &path, Some(&none)).await?;
        answer.read::<Value>(subject)?;
        let registered = self.register(subject, schema).await;
        // What it was before, also where the schema was refused.
        let back = match former {
            Some(level) => {
                let body = json!({ "compatibility": level });
                self.ask(subject, Method::PUT, &path, Some(&body)).await
            }
            None => self.ask(subject, Method::DELETE, &path, None).await,
        };
        let registered = registered?;
        back?;
        Ok(registered)
    }

    /// The fields in which a schema differs from the last one of a subject: not every registry names them.
    async fn differences(&mut self, subject: &str, schema: &AvroSchema) -> Option<String> {
        let path = format!("/subjects/{}/versions/latest", encoded(subject));
        let answer = self.ask(subject, Method::GET, &path, None).await;
        let last: Text = answer.ok()?.read(subject).ok()?;
        let fields = differences(&last.schema, &schema.text)?;
        (!fields.is_empty()).then(|| shortened(&fields.join(", ")))
    }

    /// Why a schema is not compatible with the last one of a subject, as far as the registry tells.
    async fn judged(&mut self, subject: &str, schema: &AvroSchema) -> Option<String> {
        let path = format!(
            "/compatibility/subjects/{}/versions/latest?verbose=true",
            encoded(subject)
        );
        let body = json!({ "schema": schema.text });
        let answer = self.ask(subject, Method::POST, &path, Some(&body)).await;
        let told: Compatibility = answer.ok()?.read(subject).ok()?;
        let told = told
            .messages
            .into_iter()
            .find(|message| !message.is_empty());
        told.map(|message| shortened(&message))
    }

    /// Asks the addresses in turn until one answers, beginning with the one that did last.
    async fn ask(
        &mut self,
        subject: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, RegistryError> {
        let mut reason = "none is set".to_owned();
        for _ in 0..self.bases.len() {
            let base = self.bases.get(self.current).cloned().unwrap_or_default();
            match self.exchange(&base, method.clone(), path, body).await {
                Ok(answer) => match answer.status {
                    408 | 429 | 500.. => reason = shortened(&said(&answer)),
                    401 | 403 => {
                        return Err(RegistryError::NotLetIn {
                            subject: subject.to_owned(),
                            url: base,
                            reason: shortened(&said(&answer)),
                        });
                    }
                    status => {
                        return Ok(Answer {
                            url: base,
                            status,
                            body: answer.body,
                        });
                    }
                },
                Err(what) => reason = what,
            }
            self.current = (self.current + 1) % self.bases.len();
        }
        Err(RegistryError::Silent {
            subject: subject.to_owned(),
            urls: self.urls(),
            reason,
        })
    }

    async fn exchange(
        &self,
        base: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<WebAnswer, String> {
        let url: Uri = format!("{base}{path}")
            .parse()
            .map_err(|_| "its URL cannot be used".to_owned())?;
        let request = WebRequest {
            method,
            url: &url,
            authorization: self.authorization.as_deref(),
            content_type: CONTENT_TYPE,
            accept: ACCEPT,
            body: body.map_or_else(String::new, Value::to_string),
            trust: &self.trust,
            wait_max: self.timeout,
        };
        web::exchange(&request).await
    }
}

impl Answer {
    /// What a refusal of a registry says; `None` for what is none.
    fn refusal(&self) -> Option<String> {
        refusal(&self.body)
    }

    fn said(&self) -> String {
        let said = self.refusal();
        said.map_or_else(
            || format!("it answers {}", self.status),
            |it| shortened(&it),
        )
    }

    fn number(&self, subject: &str) -> Result<u32, RegistryError> {
        Ok(self.read::<Number>(subject)?.id)
    }

    /// Reads an answer that is no refusal.
    fn read<T: serde::de::DeserializeOwned>(&self, subject: &str) -> Result<T, RegistryError> {
        let garbage = |reason: String| RegistryError::NotARegistry {
            url: self.url.clone(),
            reason,
        };
        if self.status == 200 {
            let read = serde_json::from_slice(&self.body);
            return read.map_err(|_| garbage("its answer is not one of a registry".to_owned()));
        }
        match self.refusal() {
            Some(reason) => Err(RegistryError::Refused {
                subject: subject.to_owned(),
                url: self.url.clone(),
                reason: format!("it answers {}: {}", self.status, shortened(&reason)),
            }),
            None => Err(garbage(format!("it answers {}", self.status))),
        }
    }
}

fn refusal(body: &[u8]) -> Option<String> {
    let read: Refusal = serde_json::from_slice(body).ok()?;
    Some(read.message)
}

fn said(answer: &WebAnswer) -> String {
    match refusal(&answer.body) {
        Some(message) => format!("it answers {}: {message}", answer.status),
        None => format!("it answers {}", answer.status),
    }
}

/// The beginning of what a registry says, on one line.
fn shortened(text: &str) -> String {
    let letters = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter });
    letters.take(SAID_CHARS_MAX).collect()
}
