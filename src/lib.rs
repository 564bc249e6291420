//! rowtap poses as a replica of a MySQL or MariaDB server and publishes every row change to Kafka or to files.
//!
//! This page is the map. A *room* is a module of this crate; the rooms are listed in the order in which a change passes
//! them, and a room imports only from those before it. The larger rooms have *floors*: files and folders in an order of their
//! own, under the same rule. `tests/tidy` fails where a file breaks that order, or where files import from each other in a
//! circle. The `mod.rs` of each folder lists its files.
//!
//! | room | what it does | touches the outside |
//! |---|---|---|
//! | [`mysql`] | the client/server protocol: packets, authentication, TLS, result sets | in `connection/` only |
//! | [`binlog`] | bytes to events: framing, checksums, the body of each event type, GTID sets, table maps | no |
//! | [`row`] | row images to values: column types, character sets, decimals, times, JSON | no |
//! | [`filter`] | the `replicate-*` rules and the verdicts they give | no |
//! | [`change`] | events to batches of changes, group by group | no |
//! | [`state`] | everything in the state folder; opens, writes and syncs the files of sinks too | files |
//! | [`source`] | where events come from: a server or files; asks the server about tables | servers, files |
//! | [`encode`] | batches to the bytes of an output format | no |
//! | [`sink`] | where changes go, and what is durable there | Kafka, files |
//! | [`pipeline`] | runs one connector from source to sink, and runs it again after a failure | tasks and threads |
//! | [`config`] | connector files | files, environment |
//! | [`http`] | health, metrics and status pages | a loopback socket |
//! | [`cli`] | one file or folder for each command; `cli/program.rs` lists them | the terminal |
//!
//! Any room may use [`failure`], which says what an error means (a retry or an exit code), [`finding`], which is what a check
//! finds, and [`fault`], which lets tests plant faults, such as an fsync that fails. The rooms that touch the outside count in [`metrics`].
//!
//! # Inside the larger rooms
//!
//! | folder or file | what is there |
//! |---|---|
//! | `binlog/event.rs` | every event type by its number; each body has a file of its own beside it |
//! | `row/collation` | how servers order text, as far as that is known for certain |
//! | `filter/rules.rs`, `filter/judgement.rs` | the rules compiled; a table or a statement taken through their stages |
//! | `filter/condition`, `filter/row_rules.rs` | conditions on rows: read, typed under a definition, judged |
//! | `change/row_choice.rs` | which rows of an event are published |
//! | `change/statement` | the scanner for DDL, and what becomes of a statement |
//! | `change/definition` | how tables are defined along the stream: beliefs, readings, revisions |
//! | `change/group` | where groups begin and end (COMMIT, ROLLBACK, XA PREPARE), and their events until the end is known |
//! | `change/checking.rs` | looks at every byte of an event, for `rowtap decode --verify` |
//! | `change/history` | what is kept of a stream for questions about definitions |
//! | `change/intake.rs` | framed events to closed groups |
//! | `change/applier.rs` | a closed group to items of a batch: what becomes of each event type |
//! | `change/xa.rs`, `change/group/prepared.rs` | XA transactions between their two phases |
//! | `change/undone.rs` | what ROLLBACK undid, and changes of temporary tables |
//! | `change/undefined.rs`, `change/settled.rs` | rows of tables, and values of columns, of which not all is known |
//! | `change/assembler` | `feed`, `poll` and the questions that `poll` asks |
//! | `state/durable.rs` | creates, writes, syncs, renames and cuts all files; a planted fault can make each of these steps fail |
//! | `state/relay_log_info` | the checkpoint as text, with what it must remember beside the coordinates, such as undecided XA groups |
//! | `state/history.rs` | the file of the history |
//! | `state/journal`, `state/checkpointer.rs` | the journal of definitions, and the writer of journal and checkpoint |
//! | `state/prepared.rs` | the events of XA transactions that are undecided |
//! | `state/skips.rs`, `state/control.rs` | the groups to pass over, and those that were; the socket for commands to a running connector |
//! | `state/snapshots.rs` | snapshots of some tables that a person ordered beside the stream |
//! | `state/inspection.rs`, `state/room.rs` | a state folder looked at without taking it; whether a folder can be written |
//! | `state/spill.rs` | groups that are too large for memory |
//! | `source/server` | a server: its options (host, port, …), the checks before a start, where to begin, the dump and its receiver |
//! | `source/server/hosts.rs` | which of several servers is the source now; `standing.rs` compares what a server has with what was delivered |
//! | `source/server/survey.rs` | what `rowtap check` asks a server beyond the checks before a start |
//! | `source/backup` | where a backup or a replica stood, from the file that it left |
//! | `source/files` | binlog files as a source |
//! | `source/definitions` | what information_schema and the retained binlogs say about tables |
//! | `source/snapshot` | the rows of tables, read by their keys |
//! | `encode/records.rs`, `encode/lines.rs` | which changes become which records or lines, whatever the format |
//! | `encode/envelope.rs` | the formats by name; each has a folder, such as `encode/json` |
//! | `encode/containers.rs`, `encode/schemas.rs` | records for Avro files; schemas that a sink makes known |
//! | `encode/writer.rs` | the trait that a format implements |
//! | `encode/outbox` | rows of outboxes as the messages that they are |
//! | `encode/sql` | statements for `rowtap decode` |
//! | `sink/mod.rs` | the sinks by name; each has a file or folder, such as `sink/kafka` |
//! | `sink/registry`, `sink/web.rs` | Avro schemas made known to a registry; requests over HTTP |
//! | `sink/contract.rs` | the trait that a sink implements, and what it promises |
//! | `pipeline/engine.rs` | drives the assembler and answers its questions, for `run` and `decode` |
//! | `pipeline/lanes.rs` | encodes on several threads and keeps the order, for `run` and `decode` |
//! | `pipeline/check.rs` | a connector looked at before it runs: source, target and folders |
//! | `pipeline/run` | one run: opens the source, then receives, assembles, encodes and delivers |
//! | `pipeline/supervise.rs` | the retry loop: starts a failed run again from its checkpoint |
//! | `config/source.rs`, `config/sink.rs` | the keys of a connector file by section |
//! | `tests/checker` | tests with crashes and planted faults under load; they compare the output with the source |
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | source | the server or the files that changes come from |
//! | sink | where changes go |
//! | connector | one stream from a source to a sink, configured by one TOML file |
//! | receiver | what talks to a source, as a replica's I/O thread does |
//! | group | a transaction, or a single DDL statement; it is *open* until its end is known, then *closed* |
//! | undecided | of an XA transaction: prepared, and neither committed nor rolled back |
//! | intake | framed events in, closed groups out |
//! | applier | reads a closed group and settles each of its events |
//! | assembler | `feed` and `poll` over intake and applier |
//! | chunk | bytes from a source that hold whole events |
//! | piece | a part of an event that is too large to keep in memory |
//! | spill | a file for the events of a group that is too large for memory |
//! | batch | what leaves the assembler: whole groups or a part of one, as rows events and statements |
//! | lane | a thread that encodes batches |
//! | condition | what a row has to meet, as `WHERE` has it |
//! | plan | what is fixed for a table before its rows are encoded |
//! | block | the encoded bytes of a batch |
//! | envelope | what a format puts around the values of a row |
//! | record | a message for a log such as Kafka, with its key |
//! | destination | the topic, key and partition of a table's records |
//! | route | what a connector file says of the destinations of some tables |
//! | registry | a service that keeps Avro schemas and gives them numbers |
//! | subject | the name under which a registry keeps the versions of a schema |
//! | outbox | a table into which applications write messages, a row each, which go to topics that they choose |
//! | notice | a record about the stream rather than a change: a heartbeat, the beginning or end of a group |
//! | line | a message in a file |
//! | coordinates | a file and a position in a server's binlog |
//! | instance | a process that runs a connector; of two, the younger takes over where the sink can tell |
//! | view | a connection that sees tables as they were at one place of the binlog |
//! | window | the part of the stream whose changes views that were opened without a lock may show or not |
//! | lot | the rows of a table between two of its keys, which one reader of a snapshot reads |
//! | bound | the key at which a lot ends |
//! | edge | where the rows of a table begin or end in a snapshot |
//! | checkpoint | a group boundary up to which everything is settled, and whose binlog it belongs to |
//! | lineage | the binlogs of one server while it is the source; positions of two lineages cannot be compared |
//! | successor | a server that takes the source's place, since it has all that was delivered |
//! | definition | the columns and properties of a table |
//! | belief | the definition that rowtap uses for a table at its place in the stream |
//! | reading | a definition that was read from information_schema |
//! | told definition | a definition that a person supplied |
//! | revision | what one statement changed in the beliefs |
//! | journal | the file that keeps revisions |
//! | history | the DDL statements in the binlogs that the source still has |
//! | stretch | a part of a binlog file, and what of it is kept in the history |
//! | scan | a reading of retained binlogs beside the stream, for the history |
//! | ledger | the count of what became of every event |
//! | manifest | the list of a file sink's files; its last line is the checkpoint |

pub mod binlog;
pub mod change;
pub mod cli;
pub mod config;
pub mod encode;
pub mod failure;
pub mod fault;
pub mod filter;
pub mod finding;
pub mod http;
pub mod metrics;
pub mod mysql;
pub mod pipeline;
pub mod row;
pub mod sink;
pub mod source;
pub mod state;
