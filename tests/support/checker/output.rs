//! What rowtap put out, read without asking rowtap: records, each with its identity, its change and its place in a log.
//!
//! Where they are read from is told by `files` and `kafka`; what they must be like, by `verify`.

use std::fmt;

use super::json::Json;

/// A change's name for good, and its place among all changes of its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The source's UUID, or its id.
    pub source: Box<str>,
    /// The binlog file of its group's first event.
    pub file: Box<str>,
    /// The position of its group's first event.
    pub position: u64,
    /// Its group's GTID.
    pub gtid: Option<Box<str>>,
    /// Its place in the group.
    pub sequence: u64,
}

impl Identity {
    /// Number of the binlog file and position: orders groups.
    pub fn group(&self) -> (u64, u64) {
        let number = self.file.rsplit('.').next().and_then(|n| n.parse().ok());
        let number = number.unwrap_or_else(|| panic!("{} is no binlog file", self.file));
        (number, self.position)
    }

    /// Orders changes.
    pub fn order(&self) -> (u64, u64, u64) {
        let (number, position) = self.group();
        (number, position, self.sequence)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}#{}", self.file, self.position, self.sequence)
    }
}

/// A table, or where `table` is empty a database.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    /// Its database.
    pub database: Box<str>,
    /// Its name there.
    pub table: Box<str>,
}

impl TableName {
    /// Names a table.
    pub fn new(database: &str, table: &str) -> Self {
        Self {
            database: database.into(),
            table: table.into(),
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.table)
    }
}

/// Columns and their values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub Vec<(Box<str>, Json)>);

impl Row {
    /// A column's value.
    pub fn get(&self, column: &str) -> Option<&Json> {
        let found = self.0.iter().find(|(name, _)| **name == *column);
        found.map(|(_, value)| value)
    }

    /// The values of these columns as one text; `None` if one is missing.
    pub fn values(&self, columns: &[Box<str>]) -> Option<String> {
        let values: Option<Vec<String>> = columns
            .iter()
            .map(|column| self.get(column).map(ToString::to_string))
            .collect();
        values.map(|values| values.join(","))
    }
}

/// What happened to a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// `c`
    Create { after: Row },
    /// `r`
    Read { after: Row },
    /// `u`
    Update { before: Row, after: Row },
    /// `d`
    Delete { before: Row },
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A row changed.
    Row {
        /// Its table.
        table: TableName,
        /// How.
        change: Change,
    },
    /// A statement changed definitions.
    Ddl {
        /// Its default database.
        database: Box<str>,
        /// The statement.
        statement: Box<str>,
        /// The tables that it names.
        tables: Vec<TableName>,
    },
    /// The key's last row is gone.
    Tombstone,
}

/// Where in the output a record stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The topic, or the kind of file.
    pub log: Box<str>,
    /// The partition; 0 in files.
    pub partition: i32,
    /// The offset, or the line's number over all files of the kind.
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.log, self.partition, self.offset)
    }
}

/// A record of the output.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where it stands.
    pub place: Place,
    /// What it is called.
    pub identity: Identity,
    /// Its key: Kafka's only.
    pub key: Option<Json>,
    /// The other key of a changed key, and whether it is the new one: Kafka's only.
    pub other_key: Option<(bool, Json)>,
    /// What it says.
    pub body: Body,
}

impl Record {
    /// Orders the records of one change: a row is deleted, its key is given up, then the row comes under another key.
    pub fn rank(&self) -> u8 {
        match &self.body {
            Body::Row {
                change: Change::Create { .. },
                ..
            } => 2,
            Body::Row { .. } | Body::Ddl { .. } => 0,
            Body::Tombstone => 1,
        }
    }
}

/// Everything that rowtap put out.
#[derive(Debug)]
pub struct Output {
    /// The records, log after log, each in its order.
    pub records: Vec<Record>,
    /// What kind of target it is.
    pub target: Target,
}

impl Output {
    /// Numbers the binlog files of servers that were the source one after the other as those of one: all of each after all of
    /// the one before. The sources are named as their records name them.
    pub fn in_order_of(&mut self, sources: &[String]) {
        const FILES_MAX: u64 = 1_000_000;
        for record in &mut self.records {
            let identity = &mut record.identity;
            let place = sources.iter().position(|name| **name == *identity.source);
            let place = place.unwrap_or_else(|| panic!("{} was no source", identity.source));
            let place = u64::try_from(place).expect("there are few");
            let (number, _) = identity.group();
            identity.file = format!("all.{}", place * FILES_MAX + number).into();
        }
    }
}

/// What kind of target an output was read from, which decides what it promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A folder of files: each change once, in order.
    Files,
    /// Topics: at least once, in order by key.
    Kafka,
    /// Topics, read by a consumer of what is committed: each change once, in order by partition.
    KafkaOnce,
}

/// Reads the envelope of format `json`. The error says what is missing.
pub fn read_envelope(text: &str) -> Result<(Identity, Body), String> {
    let mut envelope = Json::parse(text)?;
    let source = envelope.get("source").ok_or("no source")?;
    let member = |name: &str| source.get(name).ok_or(format!("no source.{name}"));
    let words = |name: &str| {
        member(name)?
            .text()
            .map(Box::<str>::from)
            .ok_or(format!("source.{name} is no text"))
    };
    let number = |name: &str| {
        member(name)?
            .number()
            .ok_or(format!("source.{name} is no number"))
    };
    let identity = Identity {
        source: match source.get("server_uuid") {
            Some(uuid) => uuid.text().ok_or("source.server_uuid is no text")?.into(),
            None => number("server_id")?.to_string().into(),
        },
        file: words("file")?,
        position: number("pos")?,
        gtid: member("gtid")?.text().map(Into::into),
        sequence: number("sequence")?,
    };
    let place = envelope
        .get("transaction")
        .and_then(|it| it.get("total_order"));
    if place.and_then(Json::number) != Some(identity.sequence + 1) {
        return Err(format!(
            "transaction.total_order is {place:?} at sequence {}",
            identity.sequence
        ));
    }
    let database = words("db")?;
    if *member("table")? == Json::Null {
        return Ok((identity, read_ddl(&envelope)?));
    }
    let table = TableName {
        database,
        table: words("table")?,
    };
    let op = envelope
        .get("op")
        .and_then(Json::text)
        .ok_or("no op")?
        .to_owned();
    let change = match (
        op.as_str(),
        take_row(&mut envelope, "before")?,
        take_row(&mut envelope, "after")?,
    ) {
        ("c", None, Some(after)) => Change::Create { after },
        ("r", None, Some(after)) => Change::Read { after },
        ("u", Some(before), Some(after)) => Change::Update { before, after },
        ("d", Some(before), None) => Change::Delete { before },
        (op, before, after) => {
            return Err(format!(
                "op {op} with before {before:?} and after {after:?}"
            ));
        }
    };
    Ok((identity, Body::Row { table, change }))
}

fn read_ddl(envelope: &Json) -> Result<Body, String> {
    let words = |value: &Json, name: &str| {
        let found = value.get(name).and_then(Json::text);
        found.map(Box::<str>::from).ok_or(format!("no {name}"))
    };
    let Some(Json::List(tables)) = envelope.get("tables") else {
        return Err("no tables".to_owned());
    };
    let tables: Result<Vec<TableName>, String> = tables
        .iter()
        .map(|table| {
            Ok(TableName {
                database: words(table, "db")?,
                table: words(table, "table")?,
            })
        })
        .collect();
    Ok(Body::Ddl {
        database: words(envelope, "databaseName")?,
        statement: words(envelope, "ddl")?,
        tables: tables?,
    })
}

fn take_row(envelope: &mut Json, name: &str) -> Result<Option<Row>, String> {
    let Json::Object(members) = envelope else {
        return Err("no object".to_owned());
    };
    let found = members.iter_mut().find(|(known, _)| **known == *name);
    match found.map(|(_, value)| std::mem::replace(value, Json::Null)) {
        Some(Json::Object(columns)) => Ok(Some(Row(columns))),
        Some(Json::Null) => Ok(None),
        other => Err(format!("{name} is {other:?}")),
    }
}
