//! rowtap poses as a replica of a MySQL or MariaDB server and publishes every row change to Kafka or to files.
//!
//! This page is the map. The rooms are listed in the order in which a change passes them; a room imports only from those
//! before it. `tests/tidy` holds that order, the order of the floors inside the larger rooms, and that no two files import from
//! each other in a circle. The `mod.rs` of each folder lists its files.
//!
//! | room | what it does | touches the outside |
//! |---|---|---|
//! | [`mysql`] | the client/server protocol: packets, authentication, TLS, result sets | in `connection/` only |
//! | [`binlog`] | bytes to events: framing, checksums, the body of each event type, GTID sets, table maps | no |
//! | [`row`] | row images to values: column types, character sets, decimals, times, JSON | no |
//! | [`filter`] | the `replicate-*` rules and the verdicts they give | no |
//! | [`change`] | events to batches of changes, group by group | no |
//! | [`state`] | everything in the state folder, and every step on a file of state and sinks | files |
//! | [`source`] | where events come from, and who answers questions about tables | servers, files |
//! | [`encode`] | batches to the bytes of an output format | no |
//! | [`sink`] | where changes go, and what is durable there | Kafka, files |
//! | [`pipeline`] | one connector from source to sink, the engine, and the one retry loop | tasks and threads |
//! | [`config`] | connector files | files, environment |
//! | [`http`] | health, metrics and status pages | a loopback socket |
//! | [`cli`] | one file a command; `program` lists them | the terminal |
//!
//! Leaves that any room may use: [`failure`] (what an error means: retry or exit code) and [`fault`] (planted faults for the
//! tests, such as the n-th fsync that fails). [`metrics`] counts for the impure rooms.
//!
//! # Inside the larger rooms
//!
//! | folder or file | what is there |
//! |---|---|
//! | `binlog/event.rs` | every event type by its number; each body has a file of its own beside it |
//! | `change/statement` | the scanner for DDL, and what becomes of a statement |
//! | `change/definition` | how tables are defined along the stream: beliefs, readings, revisions |
//! | `change/group` | groups: the tracker, the open group, held events, the closed group, large events |
//! | `change/intake.rs` | framed events to closed groups; scans and followers use it too |
//! | `change/applier.rs` | a closed group to items of a batch: what becomes of each event type |
//! | `change/assembler` | `feed`, `poll` and the questions that `poll` asks |
//! | `state/durable.rs` | every step on a file of state and sinks, each a point at which a planted fault can make it fail |
//! | `state/relay_log_info`, `state/journal`, `state/checkpointer.rs` | the checkpoint as text; definitions; what writes both in order |
//! | `state/spill.rs` | groups that are too large for memory |
//! | `source/server` | a live source: its options (host, port, …), preflight, where to begin, the dump and its receiver |
//! | `source/files` | binlog files as a source |
//! | `source/definitions` | answers about tables: information_schema, history of DDL, retained binlogs |
//! | `encode/records.rs`, `encode/lines.rs` | which changes become which records or lines, whatever the format |
//! | `encode/writer.rs`, `encode/envelope.rs` | what a format supplies; the formats by name, each with a folder such as `encode/json` |
//! | `encode/sql` | statements for `rowtap decode` |
//! | `sink/contract.rs`, `sink/mod.rs` | what a sink promises; the sinks by name, each with a folder or file such as `sink/kafka` |
//! | `pipeline/engine.rs`, `pipeline/lanes.rs` | the one loop over the assembler's steps, and encoding in order, for `run` and `decode` |
//! | `pipeline/run`, `pipeline/supervise.rs` | the stages of one run, from opening its source; when a run begins again |
//! | `config/source.rs`, `config/sink.rs` | the keys of a connector file by section |
//! | `tests/checker` | crashes and planted faults under load, held against the source |
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | source, sink, connector | the server or files that changes come from; where they go; one stream between the two, from one TOML file |
//! | receiver | what talks to a source, as a replica's I/O thread does |
//! | group | a transaction, or a single DDL statement; it is *open* until its end is known, then *closed* |
//! | intake | framed events in, closed groups out |
//! | applier | reads a closed group and settles each of its events |
//! | assembler | intake and applier behind `feed` and `poll` |
//! | chunk, piece | bytes of a source with whole events; a part of an event that is too large to be held |
//! | spill | a file for the events of a group that is too large for memory |
//! | batch | what leaves the assembler: whole groups or a part of one, as rows events and statements |
//! | lane, plan, block | an encoder at work on a batch; what is fixed for a table before its rows are encoded; the encoded bytes |
//! | envelope | what a format puts around the values of a row |
//! | record, line | a message of a log with its key; a message in a file |
//! | coordinates | a file and a position in a server's binlog |
//! | checkpoint | a group boundary up to which everything is settled, and whose binlog it belongs to |
//! | lineage | one server's binlogs since it last began them anew; facts of different lineages do not compare |
//! | definition | the columns and properties of a table |
//! | belief, reading, told definition | the definition that rowtap goes by; one read from information_schema; one given by a person |
//! | revision, journal | what a statement changed in the beliefs; the file that keeps revisions |
//! | history | the DDL in the source's retained binlogs |
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
pub mod http;
pub mod metrics;
pub mod mysql;
pub mod pipeline;
pub mod row;
pub mod sink;
pub mod source;
pub mod state;
