//! A schema registry: schemas are made known before the first message that has them, once each.
//!
//! | file | what it does |
//! |---|---|
//! | `options` | the section `registry` |
//! | `client` | requests, and what the answers mean |
//! | `differences` | in which fields two schemas differ |
//! | `numbers` | the numbers of schemas in the state folder |

mod client;
mod differences;
mod numbers;
mod options;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use tracing::{info, warn};

use self::client::{Client, Registered};
use self::numbers::Numbers;
use super::{RegistryError, SinkError};
use crate::encode::{AvroSchema, AvroSchemas, Plan};
use crate::failure::Class;
use crate::row::TableName;
use crate::state::off_the_runtime;

pub(super) use options::problems;
pub use options::{OnIncompatible, RegistryOptions, SubjectNameStrategy};

/// Looks whether a registry answers and lets the connector in; gives the address that does.
///
/// # Errors
/// That none answers, or what it refuses.
pub(super) async fn probe(options: &RegistryOptions) -> Result<String, RegistryError> {
    Client::new(options).probe().await
}

/// A registry that a connector makes its schemas known to.
pub(super) struct Registry {
    client: Client,
    strategy: SubjectNameStrategy,
    register: bool,
    on_incompatible: OnIncompatible,
    /// By subject the last schema that was made known in this run, and its number.
    known: HashMap<String, (AvroSchema, u32)>,
    /// By subject the table whose schemas it has.
    owners: HashMap<String, TableName>,
    /// The connector's state folder, once it is known.
    state: Option<PathBuf>,
    /// The numbers in it, once they were read.
    numbers: Option<Numbers>,
}

/// Whether a schema is that of keys or that of values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Key,
    Value,
}

impl Registry {
    /// Makes what asks a registry; nothing is asked yet.
    pub(super) fn new(options: &RegistryOptions) -> Self {
        Self {
            client: Client::new(options),
            strategy: options.subject_name_strategy,
            register: options.register,
            on_incompatible: options.on_incompatible,
            known: HashMap::new(),
            owners: HashMap::new(),
            state: None,
            numbers: None,
        }
    }

    /// Learns in which state folder the numbers of schemas are kept.
    pub(super) fn keep_in(&mut self, state: &Path) {
        self.state = Some(state.to_owned());
    }

    /// Reads the numbers that are in the state folder, unless that was done.
    async fn open(&mut self) -> Result<(), SinkError> {
        if let (None, Some(state)) = (&self.numbers, &self.state) {
            let (state, urls) = (state.clone(), self.client.urls());
            let read = off_the_runtime(move || Numbers::read(&state, &urls)).await?;
            self.numbers = Some(read);
        }
        Ok(())
    }

    /// Makes the schemas of a table known, and has its messages begin with their numbers.
    ///
    /// # Errors
    /// A table that has no schemas, what the registry refuses, or a file of numbers that cannot be read or written.
    pub(super) async fn identify(&mut self, plan: &mut Plan) -> Result<(), SinkError> {
        let table = &plan.table.name;
        let schemas = match plan.avro_schemas() {
            None => return Ok(()),
            Some(Ok(schemas)) => schemas,
            Some(Err(reason)) => {
                return Err(SinkError::TableUnfit {
                    table: table.clone(),
                    reason,
                });
            }
        };
        let topic = std::sync::Arc::clone(&plan.destination.topic);
        self.claim(&topic, schemas, table)?;
        let (key, value) = self.numbers_of(&topic, schemas).await?;
        plan.identify(key, value);
        Ok(())
    }

    /// The numbers of the schemas of keys and values in a topic; 0 where there are no keys.
    ///
    /// # Errors
    /// What the registry refuses, or a file of numbers that cannot be read or written.
    pub(super) async fn numbers_of(
        &mut self,
        topic: &str,
        schemas: &AvroSchemas,
    ) -> Result<(u32, u32), SinkError> {
        let key = match &schemas.key {
            Some(key) => {
                let subject = self.subject(topic, key, Side::Key);
                self.number_of(&subject, key).await?
            }
            None => 0,
        };
        let subject = self.subject(topic, &schemas.value, Side::Value);
        let value = self.number_of(&subject, &schemas.value).await?;
        Ok((key, value))
    }

    /// Makes sure that no other table has the subject of a table's values: its schemas would follow each other there.
    fn claim(
        &mut self,
        topic: &str,
        schemas: &AvroSchemas,
        table: &TableName,
    ) -> Result<(), RegistryError> {
        let subject = self.subject(topic, &schemas.value, Side::Value);
        let owner = self.owners.entry(subject.clone());
        let owner = owner.or_insert_with(|| table.clone());
        if owner == table {
            return Ok(());
        }
        Err(RegistryError::SubjectCollision {
            subject,
            first: owner.to_string(),
            second: table.to_string(),
        })
    }

    fn subject(&self, topic: &str, schema: &AvroSchema, side: Side) -> String {
        match (self.strategy, side) {
            (SubjectNameStrategy::Topic, Side::Key) => format!("{topic}-key"),
            (SubjectNameStrategy::Topic, Side::Value) => format!("{topic}-value"),
            (SubjectNameStrategy::Record, _) => schema.name.to_string(),
            (SubjectNameStrategy::TopicRecord, _) => format!("{topic}-{}", schema.name),
        }
    }

    async fn number_of(&mut self, subject: &str, schema: &AvroSchema) -> Result<u32, SinkError> {
        if let Some((known, number)) = self.known.get(subject)
            && known == schema
        {
            return Ok(*number);
        }
        self.open().await?;
        let kept = self.numbers.as_ref();
        let kept = kept.and_then(|numbers| numbers.of(subject, &schema.text));
        let number = match kept {
            Some(kept) => self.check(subject, schema, kept).await?,
            None => self.settle(subject, schema).await?,
        };
        if let Some(mut numbers) = self.numbers.take() {
            let (subject, text) = (subject.to_owned(), schema.text.clone());
            let keep = move || {
                let kept = numbers.keep(&subject, &text, number);
                kept.map(|()| numbers)
            };
            self.numbers = Some(off_the_runtime(keep).await?);
        }
        let known = (schema.clone(), number);
        self.known.insert(subject.to_owned(), known);
        Ok(number)
    }

    /// Looks whether the number of a schema still holds; a registry that does not answer is believed to have it.
    async fn check(
        &mut self,
        subject: &str,
        schema: &AvroSchema,
        kept: u32,
    ) -> Result<u32, SinkError> {
        match self.client.has(subject, schema, kept).await {
            Ok(true) => Ok(kept),
            Ok(false) => self.settle(subject, schema).await,
            Err(error) if error.class() == Class::Transient => {
                warn!(subject, number = kept, %error, "going on with the number that is known");
                Ok(kept)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn settle(&mut self, subject: &str, schema: &AvroSchema) -> Result<u32, SinkError> {
        if !self.register {
            return Ok(self.client.look_up(subject, schema).await?);
        }
        let mut registered = self.client.register(subject, schema).await?;
        if let Registered::Incompatible { reason, .. } = &registered
            && self.on_incompatible == OnIncompatible::Force
        {
            warn!(
                subject,
                reason,
                "the schema is not compatible with the last one, it is registered all the same"
            );
            registered = self.client.force(subject, schema).await?;
        }
        match registered {
            Registered::Number(number) => {
                info!(subject, number, "schema registered");
                Ok(number)
            }
            Registered::Incompatible { url, reason } => Err(RegistryError::Incompatible {
                subject: subject.to_owned(),
                url,
                reason,
            }
            .into()),
        }
    }
}
