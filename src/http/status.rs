//! The status page: a connector's state under the field names of SHOW REPLICA STATUS, and rowtap's own after them.
//!
//! See <https://dev.mysql.com/doc/refman/en/show-replica-status.html>. A connector from a MariaDB has the names and words of its
//! SHOW SLAVE STATUS, see <https://mariadb.com/kb/en/show-replica-status/>.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::binlog::{Coordinates, XaId};
use crate::change::{Checkpoint, KeyBound, SnapshotProgress, SnapshotReached};
use crate::metrics::{ConnectorState, CopyProgress, LastFailure, Skips, Snapshot};
use crate::mysql::Flavour;
use crate::row::TableName;

/// What `/status` answers.
#[derive(Debug, Serialize, Deserialize)]
pub struct StatusPage {
    /// rowtap's version.
    pub version: String,
    /// The process.
    pub pid: u32,
    /// Its connectors, in the order of the command line.
    pub connectors: Vec<StatusFields>,
}

impl StatusPage {
    /// The page of this process.
    pub fn new(connectors: Vec<StatusFields>) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            connectors,
        }
    }
}

/// Names and values, in the order of SHOW REPLICA STATUS, or of SHOW SLAVE STATUS where the source is a MariaDB.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatusFields(Vec<(Cow<'static, str>, Value)>);

/// MariaDB's names of the fields that it calls otherwise than MySQL.
const OF_MARIADB: [(&str, &str); 15] = [
    ("Replica_IO_State", "Slave_IO_State"),
    ("Source_Host", "Master_Host"),
    ("Source_User", "Master_User"),
    ("Source_Port", "Master_Port"),
    ("Source_Retry_Count", "Master_Retry_Count"),
    ("Source_Log_File", "Master_Log_File"),
    ("Read_Source_Log_Pos", "Read_Master_Log_Pos"),
    ("Relay_Source_Log_File", "Relay_Master_Log_File"),
    ("Replica_IO_Running", "Slave_IO_Running"),
    ("Replica_SQL_Running", "Slave_SQL_Running"),
    ("Exec_Source_Log_Pos", "Exec_Master_Log_Pos"),
    ("Seconds_Behind_Source", "Seconds_Behind_Master"),
    ("Source_Server_Id", "Master_Server_Id"),
    ("Source_TLS_Version", "Master_TLS_Version"),
    ("Replica_SQL_Running_State", "Slave_SQL_Running_State"),
];

/// What the state folder of a connector holds that cannot be asked.
#[derive(Debug, Default)]
pub struct AtRest<'a> {
    /// Its checkpoint.
    pub checkpoint: Option<&'a Checkpoint>,
    /// Why it ended last.
    pub last: Option<LastFailure>,
    /// The groups to be passed over, and those that were.
    pub skips: Skips,
    /// The process that runs it without serving its status.
    pub pid: Option<u32>,
}

impl StatusFields {
    /// A connector's fields: what its configuration says and what its counters say.
    pub fn of(facts: &[(&'static str, String)], now: &Snapshot) -> Self {
        let (read, durable) = (
            now.boundaries.read.as_ref(),
            now.boundaries.durable.as_ref(),
        );
        let known = durable.or(read);
        let mut fields = Self::default();
        fields.add("Connector", &*now.name);
        fields.add("Replica_IO_State", io_state(now));
        fields.facts(facts, false);
        let failure = now.last_failure.as_ref();
        let is_of_source = failure.is_some_and(|failure| failure.is_of_source);
        let running = match now.state {
            ConnectorState::Streaming => ("Yes", "Yes"),
            ConnectorState::Retrying if !is_of_source => ("Connecting", "No"),
            ConnectorState::Starting | ConnectorState::Retrying => ("Connecting", "Yes"),
            ConnectorState::Stopped | ConnectorState::Failed => ("No", "No"),
        };
        fields.add("Replica_IO_Running", running.0);
        fields.add("Replica_SQL_Running", running.1);
        fields.facts(facts, true);
        fields.coordinates("Source_Log_File", "Read_Source_Log_Pos", read);
        fields.coordinates("Relay_Source_Log_File", "Exec_Source_Log_Pos", durable);
        fields.add("Seconds_Behind_Source", now.behind.map(|age| age.as_secs()));
        // A replica has no last error any more once it is connected again.
        let present = failure.filter(|_| now.state != ConnectorState::Streaming);
        fields.errors(present);
        fields.source(known);
        let remaining = now.remaining_delay.map(|left| left.as_secs());
        fields.add("SQL_Remaining_Delay", remaining);
        fields.add("Replica_SQL_Running_State", sql_state(now));
        fields.gtid_sets(read, durable);
        fields.add("Source_TLS_Version", now.tls.as_deref());
        fields.add("Last_Error", failure.map_or("", |failure| &failure.message));
        fields.add(
            "Last_Error_Timestamp",
            failure.and_then(|failure| timestamp(failure.at_us)),
        );
        let oldest = now.held.oldest.as_ref();
        let oldest = oldest.map(|oldest| (&oldest.id, &oldest.begin));
        fields.held(now.held.count, oldest, now.held_for());
        fields.undefined(known);
        fields.skips(&now.skips);
        fields.own(now);
        if let Some(copy) = &now.copy {
            fields.copy(copy);
        }
        fields.in_words_of(known)
    }

    /// The fields of a connector that cannot be asked: what its configuration and its state folder say.
    pub fn at_rest(name: &str, facts: &[(&'static str, String)], rest: &AtRest<'_>) -> Self {
        let AtRest {
            checkpoint,
            last,
            skips,
            pid,
        } = rest;
        let mut fields = Self::default();
        fields.add("Connector", name);
        fields.add("Replica_IO_State", "");
        fields.facts(facts, false);
        let running = if pid.is_some() { "Yes" } else { "No" };
        fields.add("Replica_IO_Running", running);
        fields.add("Replica_SQL_Running", running);
        fields.facts(facts, true);
        fields.coordinates("Relay_Source_Log_File", "Exec_Source_Log_Pos", *checkpoint);
        fields.add("Seconds_Behind_Source", Value::Null);
        fields.errors(last.as_ref());
        fields.source(*checkpoint);
        fields.add("Replica_SQL_Running_State", "");
        fields.gtid_sets(None, *checkpoint);
        let failure = last.as_ref();
        fields.add("Last_Error", failure.map_or("", |failure| &failure.message));
        fields.add(
            "Last_Error_Timestamp",
            failure.and_then(|failure| timestamp(failure.at_us)),
        );
        let undecided = checkpoint.map(|checkpoint| &checkpoint.undecided);
        let count = undecided.map_or(0, |undecided| undecided.len() as u64);
        let oldest = undecided.and_then(|undecided| undecided.iter().min_by_key(|(_, at)| *at));
        fields.held(count, oldest, None);
        fields.undefined(*checkpoint);
        fields.skips(skips);
        fields.add("State", if pid.is_some() { "running" } else { "stopped" });
        fields.add("Pid", *pid);
        if let Some(SnapshotProgress::Copying { reached, .. }) = checkpoint.map(|it| &it.snapshot) {
            fields.rest_of_copy(reached.as_deref(), pid.is_some());
        }
        fields.in_words_of(*checkpoint)
    }

    /// The same under the names of the family that a checkpoint is of; MySQL's where that is not known.
    fn in_words_of(mut self, known: Option<&Checkpoint>) -> Self {
        if known.map(|known| known.gtid_set.flavour()) == Some(Flavour::MariaDb) {
            for (name, value) in &mut self.0 {
                if let Some((_, other)) = OF_MARIADB.iter().find(|(mysql, _)| mysql == name) {
                    *name = Cow::Borrowed(other);
                }
                if name.ends_with("_State")
                    && let Value::String(state) = value
                {
                    *state = in_words_of_mariadb(state);
                }
            }
        }
        self
    }

    /// What SHOW REPLICA STATUS has of errors, by the thread that would have them.
    fn errors(&mut self, last: Option<&LastFailure>) {
        for (is_of_source, names) in [
            (
                true,
                ["Last_IO_Errno", "Last_IO_Error", "Last_IO_Error_Timestamp"],
            ),
            (
                false,
                [
                    "Last_SQL_Errno",
                    "Last_SQL_Error",
                    "Last_SQL_Error_Timestamp",
                ],
            ),
        ] {
            let last = last.filter(|last| last.is_of_source == is_of_source);
            let [number, message, at] = names;
            self.add(number, last.map_or(0, |last| last.number));
            self.add(message, last.map_or("", |last| &last.message));
            let at_us = last.map(|last| last.at_us);
            self.add(at, at_us.and_then(timestamp).unwrap_or_default());
        }
    }

    fn skips(&mut self, skips: &Skips) {
        self.add("Skip_Orders", skips.ordered.clone());
        self.add("Skipped_Groups", skips.passed_over);
    }

    /// What the configuration says: its filters, or all the rest.
    fn facts(&mut self, facts: &[(&'static str, String)], filters: bool) {
        for (name, fact) in facts {
            if name.starts_with("Replicate_") == filters {
                self.add(name, fact.as_str());
            }
        }
    }

    fn source(&mut self, known: Option<&Checkpoint>) {
        let Some(known) = known else { return };
        self.add("Source_Server_Id", known.server_id);
        if known.gtid_set.flavour() == Flavour::MySql {
            let uuid = known.server_uuid.map(|uuid| uuid.to_string());
            self.add("Source_UUID", uuid);
        }
    }

    /// The XA transactions that are prepared and undecided.
    fn held(&mut self, count: u64, oldest: Option<(&XaId, &Coordinates)>, age: Option<Duration>) {
        self.add("XA_Held", count);
        let oldest = oldest.map(|(id, at)| format!("{id} prepared at {at}"));
        self.add("XA_Held_Oldest", oldest);
        self.add("XA_Held_Seconds", age.map(|age| age.as_secs()));
    }

    /// The tables without whose definition the stream has gone on.
    fn undefined(&mut self, known: Option<&Checkpoint>) {
        let undefined = known.map(|known| &*known.undefined);
        let tables = undefined.into_iter().flatten().map(|(table, how)| {
            let (policy, since) = (how.policy.as_str(), &how.since);
            format!("{table} {policy} since {since}")
        });
        let tables: Vec<String> = tables.collect();
        self.add("Undefined_Tables", tables);
    }

    /// What SHOW REPLICA STATUS has no name for.
    fn own(&mut self, now: &Snapshot) {
        self.add("State", now.state.name());
        self.add("Reconnects", now.volumes.reconnects());
        self.add(
            "Checkpoint_Age",
            now.checkpoint_age.map(|age| age.as_secs()),
        );
        self.add("Checkpoints", now.volumes.checkpoints);
        self.add("Bytes_Received", now.volumes.bytes_received);
        self.add("Bytes_Encoded", now.volumes.bytes_encoded);
        self.add("Bytes_In_Flight", now.bytes_in_flight);
        self.add("Records", now.volumes.records);
        self.add("Records_Delivered", now.volumes.records_delivered);
        let ledger = serde_json::to_value(now.ledger_with_held()).unwrap_or_default();
        self.add("Ledger", ledger);
    }

    /// How far a copy came that is to go on.
    fn rest_of_copy(&mut self, reached: Option<&SnapshotReached>, is_running: bool) {
        let partly = reached.and_then(|reached| reached.partly.as_ref());
        self.add("Snapshot_Running", if is_running { "Yes" } else { "No" });
        let table = partly.map(|(table, _)| table.to_string());
        self.add("Snapshot_Table", table);
        let key = partly.map(|(_, KeyBound(values))| values.join(", "));
        self.add("Snapshot_Table_Key", key);
        let done = reached.and_then(|reached| reached.done.as_ref());
        self.add("Snapshot_Last_Table_Done", done.map(TableName::to_string));
    }

    /// How far the last copy of what was there has come.
    fn copy(&mut self, copy: &CopyProgress) {
        let is_running = if copy.is_running { "Yes" } else { "No" };
        self.add("Snapshot_Running", is_running);
        self.add("Snapshot_Table", copy.table.as_deref());
        self.add("Snapshot_Table_Rows", copy.table_rows);
        self.add("Snapshot_Table_Rows_Expected", copy.table_rows_expected);
        self.add("Snapshot_Tables", copy.tables);
        self.add("Snapshot_Tables_Done", copy.tables_done);
        self.add("Snapshot_Rows", copy.rows);
        self.add("Snapshot_Rows_Expected", copy.rows_expected);
        self.add("Snapshot_Rows_Per_Second", copy.rate().round());
        self.add("Snapshot_Seconds_Left", copy.seconds_left().map(f64::round));
    }

    fn coordinates(&mut self, file: &'static str, position: &'static str, at: Option<&Checkpoint>) {
        let at = at.map(|checkpoint| &checkpoint.coordinates);
        self.add(file, at.map(|at| &*at.file));
        self.add(position, at.map(|at| at.position));
    }

    fn gtid_sets(&mut self, read: Option<&Checkpoint>, durable: Option<&Checkpoint>) {
        let text = |at: Option<&Checkpoint>| at.map(|at| at.gtid_set.to_string());
        let known = read.or(durable).map(|at| at.gtid_set.flavour());
        match known {
            Some(Flavour::MariaDb) => {
                self.add("Using_Gtid", "Slave_Pos");
                self.add("Gtid_IO_Pos", text(read));
                self.add("Gtid_Slave_Pos", text(durable));
            }
            Some(Flavour::MySql) | None => {
                self.add("Retrieved_Gtid_Set", text(read));
                self.add("Executed_Gtid_Set", text(durable));
            }
        }
    }

    fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.push((Cow::Borrowed(name), value.into()));
    }

    /// The value of a field.
    pub fn value(&self, name: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value)
    }
}

/// As `\G` of the mysql client shows a row: a line a field, names right-aligned.
impl fmt::Display for StatusFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            match value {
                Value::String(text) => writeln!(f, "{name:>28}: {text}")?,
                Value::Null => writeln!(f, "{name:>28}: NULL")?,
                Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    writeln!(f, "{name:>28}: {value}")?;
                }
            }
        }
        Ok(())
    }
}

impl Serialize for StatusFields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for StatusFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = StatusFields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<StatusFields, A::Error> {
                let mut fields = StatusFields::default();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    fields.0.push((Cow::Owned(name), value));
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

fn io_state(now: &Snapshot) -> &'static str {
    match now.state {
        ConnectorState::Starting => "Connecting to source",
        ConnectorState::Streaming => "Waiting for source to send event",
        ConnectorState::Retrying if now.is_reconnecting => {
            "Reconnecting after a failed source event read"
        }
        ConnectorState::Retrying => "Waiting to reconnect after a failed source event read",
        ConnectorState::Stopped | ConnectorState::Failed => "",
    }
}

fn sql_state(now: &Snapshot) -> &'static str {
    match now.state {
        ConnectorState::Streaming if now.remaining_delay.is_some() => {
            "Waiting until SOURCE_DELAY seconds after source executed event"
        }
        ConnectorState::Streaming if now.is_caught_up => {
            "Replica has read all relay log; waiting for more updates"
        }
        ConnectorState::Streaming => "Reading event from the relay log",
        ConnectorState::Starting | ConnectorState::Retrying => {
            "Waiting for an event from Coordinator"
        }
        ConnectorState::Stopped | ConnectorState::Failed => "",
    }
}

/// A state in MariaDB's words.
fn in_words_of_mariadb(state: &str) -> String {
    let words = [
        ("SOURCE_DELAY", "MASTER_DELAY"),
        ("Replica has", "Slave has"),
        ("source", "master"),
    ];
    let replaced = |text: String, (mysql, mariadb): (&str, &str)| text.replace(mysql, mariadb);
    words.into_iter().fold(state.to_owned(), replaced)
}

fn timestamp(at_us: i64) -> Option<String> {
    let at = jiff::Timestamp::from_microsecond(at_us).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}
