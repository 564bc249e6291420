//! How fast a recorded binlog becomes JSON, on one thread and in memory.
//!
//! `scripts/bench` records a binlog on a real server, names it in `ROWTAP_BENCH_BINLOG` and prints beside these figures
//! those of `mysqlbinlog -vv` for the same file. Each stage includes the ones before it:
//!
//! | stage | up to |
//! |---|---|
//! | `frame` | headers, positions and checksums |
//! | `assemble` | groups, table maps, counted rows, batches |
//! | `lines` | JSON Lines, as for files |
//! | `records` | JSON with keys, as for Kafka |

use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use rowtap::binlog::{Coordinates, FIRST_POSITION, Framer, GtidSet, Header};
use rowtap::change::{
    Assembler, AssemblerSettings, Batch, Checkpoint, Definitions, LeftOut, OnStatement, Origin,
    Step, Until, XaMissing,
};
use rowtap::encode::{
    ContainersEncoder, Destination, Encode, Format, InvalidText, LinesEncoder, Plan,
    RecordsEncoder, RecordsSettings,
};
use rowtap::filter::{FilterOptions, Rules};
use rowtap::mysql::Flavour;
use rowtap::row::Table;

/// Bytes of events that are handed over at once, as a receiver would.
const CHUNK_BYTES: usize = 256 * 1024;
const BATCH_BYTES_MAX: usize = 256 * 1024;

/// A binlog file in chunks of whole events.
struct Recording {
    name: String,
    flavour: Flavour,
    bytes: u64,
    chunks: Vec<(Bytes, Vec<Range<u32>>)>,
}

#[expect(clippy::print_stdout, reason = "a person reads the figures")]
fn main() -> ExitCode {
    let Some(path) = std::env::var_os("ROWTAP_BENCH_BINLOG").map(PathBuf::from) else {
        eprintln!("ROWTAP_BENCH_BINLOG names no binlog file, run scripts/bench");
        return ExitCode::from(2);
    };
    let recording = Recording::read(&path);
    let rows = recording.assemble(|batch| batch.ledger.rows);
    println!("{}: {} bytes, {rows} rows", recording.name, recording.bytes);
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("decode");
    group.sample_size(10);
    group.throughput(Throughput::ElementsAndBytes {
        elements: rows,
        bytes: recording.bytes,
    });
    group.bench_function("frame", |bencher| bencher.iter(|| recording.frame()));
    group.bench_function("assemble", |bencher| {
        bencher.iter(|| recording.assemble(|batch| batch.ledger.rows));
    });
    group.bench_function("lines", |bencher| {
        let mut lane = Lane::new(
            Format::Json,
            LinesEncoder::new(Format::Json, InvalidText::Fail),
        );
        bencher.iter(|| recording.assemble(|batch| lane.encode(batch).bytes.len() as u64));
    });
    group.bench_function("records", |bencher| {
        let settings = RecordsSettings::default();
        let encoder = RecordsEncoder::new(Format::Json, settings, InvalidText::Fail);
        let mut lane = Lane::new(Format::Json, encoder);
        bencher.iter(|| recording.assemble(|batch| lane.encode(batch).arena.len() as u64));
    });
    group.bench_function("avro", |bencher| {
        let encoder = ContainersEncoder::new(Format::Avro, InvalidText::Fail);
        let mut lane = Lane::new(Format::Avro, encoder);
        bencher.iter(|| recording.assemble(|batch| lane.encode(batch).bytes.len() as u64));
    });
    group.finish();
    let mut lane = Lane::new(
        Format::Json,
        LinesEncoder::new(Format::Json, InvalidText::Fail),
    );
    let written = recording.assemble(|batch| lane.encode(batch).bytes.len() as u64);
    println!("{written} bytes of JSON Lines");
    ExitCode::SUCCESS
}

impl Recording {
    fn read(path: &PathBuf) -> Self {
        let file = Bytes::from(fs::read(path).unwrap_or_else(|error| panic!("{path:?}: {error}")));
        let (mut chunks, mut events, mut start, mut at) = (Vec::new(), Vec::new(), 4, 4);
        while at < file.len() {
            let header = Header::parse(file.get(at..).unwrap_or_default()).expect("a whole event");
            let end = at + header.event_size as usize;
            let place = |byte: usize| u32::try_from(byte - start).expect("a chunk is small");
            events.push(place(at)..place(end));
            at = end;
            if at - start >= CHUNK_BYTES || at >= file.len() {
                chunks.push((file.slice(start..at), std::mem::take(&mut events)));
                start = at;
            }
        }
        let first = file.get(..200.min(file.len())).unwrap_or_default();
        let is_mariadb = first.windows(7).any(|window| window == b"MariaDB");
        Self {
            name: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            flavour: if is_mariadb {
                Flavour::MariaDb
            } else {
                Flavour::MySql
            },
            bytes: file.len() as u64,
            chunks,
        }
    }

    fn frame(&self) -> u64 {
        let mut framer = Framer::new(Coordinates::new(&*self.name, FIRST_POSITION));
        for (buffer, events) in &self.chunks {
            for event in events {
                let event = buffer.get(event.start as usize..event.end as usize);
                framer
                    .frame(event.unwrap_or_default())
                    .expect("a sound event");
            }
        }
        framer.next().position
    }

    /// Assembles the whole file and adds up what `take` returns of each batch.
    fn assemble(&self, mut take: impl FnMut(&Batch) -> u64) -> u64 {
        let mut assembler =
            Assembler::new(self.settings(), self.checkpoint(), Definitions::default());
        let mut sum = 0;
        for (buffer, events) in &self.chunks {
            assembler.feed(buffer.clone(), events.clone(), 0, false);
            loop {
                match assembler.poll().expect("a sound stream") {
                    Step::NeedEvent => break,
                    Step::Batch(batch) => sum += take(&batch),
                    other => panic!("{other:?} in a plain recording"),
                }
            }
        }
        sum + take(&assembler.finish())
    }

    fn settings(&self) -> AssemblerSettings {
        AssemblerSettings {
            origin: Arc::new(Origin {
                connector: "bench".into(),
                flavour: self.flavour,
                server_uuid: None,
                server_id: 1,
            }),
            server_id: 2,
            rules: Rules::compile(&FilterOptions::default(), self.flavour, 0).expect("no rules"),
            left_out: LeftOut::Nothing,
            on_statement: OnStatement::Fail,
            xa_missing: XaMissing::Fail,
            until: Until::Never,
            delays: false,
            batch_bytes_max: BATCH_BYTES_MAX,
            keeps_queries: false,
            keeps_emptied: false,
            hold_bytes_max: usize::MAX,
            event_bytes_max: 32 << 20,
            idle_bytes_max: 64 << 20,
        }
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::new(
            Coordinates::new(&*self.name, FIRST_POSITION),
            GtidSet::empty(self.flavour),
            None,
            1,
            0,
        )
    }
}

/// An encoder with its block and the plans that it has made.
struct Lane<E: Encode<Plan = Plan>> {
    format: Format,
    encoder: E,
    block: E::Block,
    known: Vec<Arc<Plan>>,
    plans: Vec<Arc<Plan>>,
}

impl<E: Encode<Plan = Plan>> Lane<E> {
    fn new(format: Format, encoder: E) -> Self {
        Self {
            format,
            encoder,
            block: E::Block::default(),
            known: Vec::new(),
            plans: Vec::new(),
        }
    }

    fn encode(&mut self, batch: &Batch) -> &E::Block {
        self.plans.clear();
        for table in &batch.tables {
            let plan = self.plan(table);
            self.plans.push(plan);
        }
        self.encoder
            .encode(batch, &self.plans, &mut self.block)
            .expect("every value is sound");
        &self.block
    }

    fn plan(&mut self, table: &Arc<Table>) -> Arc<Plan> {
        let known = self
            .known
            .iter()
            .find(|plan| Arc::ptr_eq(&plan.table, table));
        if let Some(plan) = known {
            return Arc::clone(plan);
        }
        let plan = Arc::new(Plan::of_records(
            self.format,
            Arc::clone(table),
            Destination::by_key("bench".into(), &table.key),
        ));
        self.known.push(Arc::clone(&plan));
        plan
    }
}
