//! The tables of a connector that are outboxes.

use std::sync::Arc;

use regex::Regex;

use super::routes::{OptionProblem, compiled};
use crate::encode::{
    DebeziumSettings, Format, FormatSections, FormatSettings, OutboxOptions, OutboxProblem,
    OutboxSettings,
};
use crate::row::TableName;
use crate::sink::SinkError;

/// Which tables are outboxes, and how their rows become records.
#[derive(Debug)]
pub(super) struct Outboxes {
    tables: Regex,
    pub(super) settings: Arc<OutboxSettings>,
}

impl Outboxes {
    /// Those of a section, beside what is said of the format; messages call the source `name`. `None` without a section.
    ///
    /// # Errors
    /// An option whose value cannot be used.
    pub(super) fn of(
        section: Option<&OutboxOptions>,
        format: FormatSections<'_>,
        name: &str,
    ) -> Result<Option<Self>, SinkError> {
        let Some(section) = section else {
            return Ok(None);
        };
        let made = Self::new(section, format, name);
        made.map(Some).map_err(|(key, reason)| SinkError::Option {
            option: format!("outbox.{key}"),
            reason,
        })
    }

    fn new(
        section: &OutboxOptions,
        format: FormatSections<'_>,
        name: &str,
    ) -> Result<Self, OutboxProblem> {
        let tables = compiled(&section.tables).map_err(|reason| ("tables", reason))?;
        let settings = OutboxSettings::new(section, debezium(format, name))?;
        Ok(Self {
            tables,
            settings: Arc::new(settings),
        })
    }

    /// Whether a table is an outbox.
    pub(super) fn has(&self, table: &TableName) -> bool {
        self.tables.is_match(&table.to_string())
    }
}

fn debezium(format: FormatSections<'_>, name: &str) -> DebeziumSettings {
    let inner = FormatSections {
        cloudevents: None,
        ..format
    };
    match FormatSettings::new(inner, name) {
        FormatSettings::Debezium(settings) => settings,
        FormatSettings::Flat(settings) => settings.debezium,
        FormatSettings::Json
        | FormatSettings::Avro(_)
        | FormatSettings::Maxwell(_)
        | FormatSettings::Canal
        | FormatSettings::CloudEvents(..) => DebeziumSettings {
            options: format.debezium.cloned().unwrap_or_default(),
            prefix: name.into(),
        },
    }
}

/// What is wrong with the section.
pub(super) fn problem(
    section: Option<&OutboxOptions>,
    format: FormatSections<'_>,
    name: &str,
) -> Option<OptionProblem> {
    let section = section?;
    let wrong = |reason: &str| Some((vec!["outbox".to_owned()], reason.to_owned().into()));
    if !matches!(format.format, Format::Debezium | Format::Flat) {
        return wrong(
            "has a meaning only with format = 'debezium' or 'flat', set one of them or remove it",
        );
    }
    if format.cloudevents.is_some() {
        return wrong(
            "makes messages that are no CloudEvents, remove one of outbox and cloudevents",
        );
    }
    let (key, reason) = Outboxes::new(section, format, name).err()?;
    Some((vec!["outbox".to_owned(), key.to_owned()], reason.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::kafka::KafkaOptions;

    fn told(options: &KafkaOptions) -> Option<OptionProblem> {
        problem(options.outbox.as_ref(), options.sections(), "shop")
    }

    fn options(format: &str, outbox: &str) -> KafkaOptions {
        let text = format!(
            r#"{{"bootstrap_servers": "b:1", "format": {format}, "outbox": {{"tables": "shop\\.outbox"{outbox}}}}}"#
        );
        serde_json::from_str(&text).expect(&text)
    }

    #[test]
    fn every_mistake_is_told_with_its_key_and_its_fix() {
        let debezium = r#""debezium""#;
        for (format, outbox, expected) in [
            (
                r#""json""#,
                "",
                "outbox: has a meaning only with format = 'debezium' or 'flat'",
            ),
            (
                r#""debezium", "cloudevents": "binary""#,
                "",
                "outbox: makes messages that are no CloudEvents, remove one",
            ),
            (
                debezium,
                r#", "route_topic_regex": "(""#,
                "outbox.route_topic_regex: is no regular expression",
            ),
            (
                debezium,
                r#", "route_topic_replacement": "a-$1", "route_topic_regex": "x""#,
                "outbox.route_topic_replacement: names $1, which is no group",
            ),
            (
                debezium,
                r#", "route_topic_replacement": "${other}""#,
                "outbox.route_topic_replacement: names ${other}, which is no group",
            ),
            (
                debezium,
                r#", "route_topic_replacement": "a$""#,
                "has a $ that names no group, write $1",
            ),
            (
                debezium,
                r#", "table_fields_additional_placement": "type:somewhere""#,
                "outbox.table_fields_additional_placement: has type:somewhere, expected entries such as",
            ),
            (
                debezium,
                r#", "table_fields_additional_placement": "a:header:x,b:header:x""#,
                "has b:header:x, whose place is taken, give it another name",
            ),
            (
                debezium,
                r#", "table_fields_additional_placement": "type:envelope""#,
                "has members beside the payload, which raw values cannot have, set value_converter = 'json'",
            ),
            (
                debezium,
                r#", "table_field_event_schema_version": "v""#,
                "outbox.table_field_event_schema_version: is that of an envelope",
            ),
            (
                debezium,
                r#", "table_expand_json_payload": true"#,
                "outbox.table_expand_json_payload: makes JSON of text, which raw values are anyway",
            ),
            (
                debezium,
                r#", "table_expand_json_payload": true, "value_converter": "json""#,
                "makes JSON whose schema is not known, set debezium.schemas_enable = false",
            ),
        ] {
            let (path, reason) = told(&options(format, outbox)).expect(outbox);
            let told = format!("{}: {reason}", path.join("."));
            assert!(told.contains(expected), "{told}\n{expected}");
        }
        assert!(told(&options(r#""flat""#, "")).is_none());
    }

    #[test]
    fn topics_are_made_as_java_replaces() {
        for (regex, replacement, value, expected) in [
            (
                "(?<routedByValue>.*)",
                "outbox.event.${routedByValue}",
                "order",
                "outbox.event.order",
            ),
            ("(a)(b)", r"$2\\$10\\\\$1", "ab", r"b$10\a"),
            ("(a)(b)", "$12", "ab", "a2"),
            ("a|b", "all", "b", "all"),
            ("a|b", "all", "ab", "ab"),
            ("(x)?a", "$1-a", "a", "-a"),
        ] {
            let text = format!(
                r#", "route_topic_regex": "{regex}", "route_topic_replacement": "{replacement}""#
            );
            let options = options(r#""debezium""#, &text);
            let outboxes = Outboxes::of(options.outbox.as_ref(), options.sections(), "shop")
                .unwrap()
                .unwrap();
            assert_eq!(
                outboxes.settings.topic_of(value),
                expected,
                "{regex} {replacement}"
            );
            assert!(outboxes.has(&TableName::new("shop", "outbox")));
            assert!(!outboxes.has(&TableName::new("shop", "outbox2")));
        }
    }
}
