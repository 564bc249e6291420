//! Recorded events cut and damaged: every reader answers with an error or with something, never with a panic or a hang.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use rowtap::binlog::{EventKind, FormatDescription, GtidSet, Query, RowsHeader, TableMap};

use super::{Event, RECORDINGS, events};
use crate::hostile::read;

/// How many prefixes of a body, the whole one included, may be read without an error.
fn readable_prefixes(event: &Event, format: &FormatDescription) -> usize {
    let body = event.body();
    match event.kind() {
        // The statement has no length of its own, nor have row images.
        EventKind::Query => Query::parse(body, format).unwrap().statement.len() + 1,
        EventKind::RowsQuery => body.len(),
        // Fields that later versions added: the clock, times, length, versions, ticket.
        EventKind::Gtid | EventKind::AnonymousGtid => 3 + 4 + 8,
        // Zeros fill the body up.
        EventKind::MariaDbGtid => 1 + 6,
        // A field of the optional metadata is there or not.
        EventKind::TableMap => 1 + 13,
        // An empty one is filled up by two zeros.
        EventKind::MariaDbGtidList => 1 + 2,
        EventKind::GtidTagged
        | EventKind::PreviousGtids
        | EventKind::XaPrepare
        | EventKind::Xid => 1,
        rows if matches!(rows.number(), 23..=25 | 30..=32 | 39 | 166..=171) => {
            RowsHeader::parse(rows, body).unwrap().body.len() + 1
        }
        _without_reader => body.len() + 1,
    }
}

#[tokio::test]
async fn every_prefix_of_a_body_is_an_error_unless_the_layout_allows_it() {
    let (mut cut, mut refused) = (0, 0);
    for recording in &RECORDINGS {
        let (events, framer) = events(&recording.binlog_path()).await;
        for event in &events {
            let (body, header) = (event.body(), &event.frame.header);
            if event.kind() == EventKind::FormatDescription {
                continue;
            }
            read(header, body, framer.format()).unwrap();
            let errors = (0..body.len())
                .filter(|length| read(header, &body[..*length], framer.format()).is_err())
                .count();
            let least = (body.len() + 1).saturating_sub(readable_prefixes(event, framer.format()));
            let place = format!("{}:{} {}", recording.name, event.frame.start, event.kind());
            assert!(
                errors >= least,
                "{place}: {errors} of {} are errors",
                body.len()
            );
            (cut, refused) = (cut + body.len(), refused + errors);
        }
    }
    println!("{cut} prefixes, {refused} refused");
}

/// A change of bytes: where, as a share of the length, and what stands there afterwards.
fn damage() -> impl Strategy<Value = (f64, Vec<u8>)> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..4),
        prop::sample::select(vec![
            vec![0],
            vec![0xff],
            vec![0xfb],
            vec![0xfc, 0xff, 0xff],
            vec![0xfd, 0xff, 0xff, 0xff],
            vec![0xfe, 0, 0, 0, 0, 0, 0, 0, 0x10],
            vec![0xff; 9],
        ]),
    ];
    (0.0..1.0, bytes)
}

#[test]
fn no_damage_makes_a_reader_panic_or_hang() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut all = Vec::new();
    for recording in &RECORDINGS {
        let (events, framer) = runtime.block_on(events(&recording.binlog_path()));
        all.extend(
            events
                .into_iter()
                .map(|event| (event, framer.format().clone())),
        );
    }
    let began = Instant::now();
    let config = ProptestConfig {
        cases: 20_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let strategy = (
        0..all.len(),
        prop::collection::vec(damage(), 1..5),
        any::<Option<u8>>(),
    );
    let refused = std::cell::Cell::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let result = runner.run(&strategy, |(index, damages, kind)| {
        let (event, format) = &all[index];
        let mut body = event.body().to_vec();
        for (share, bytes) in damages {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss
            )]
            let at = (share * body.len() as f64) as usize;
            let end = (at + bytes.len()).min(body.len());
            body.splice(at..end, bytes);
        }
        let mut header = event.frame.header;
        if let Some(kind) = kind.filter(|kind| kind % 4 == 0) {
            // One reader's bytes given to another.
            header.kind = EventKind::from_number(kind);
        }
        refused.set(refused.get() + usize::from(read(&header, &body, format).is_err()));
        Ok(())
    });
    assert!(result.is_ok(), "{result:?}");
    println!("20000 damaged bodies, {} refused", refused.get());
    assert!(refused.get() > 1_000, "{}", refused.get());
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[test]
fn claimed_counts_cost_nothing() {
    let began = Instant::now();
    let format = FormatDescription::default();
    let mut set = (1_u64 << 55).to_le_bytes().to_vec();
    set.extend([7; 40]);
    assert!(GtidSet::decode(&set).is_err());
    let mut set = 1_u64.to_le_bytes().to_vec();
    set.extend([7; 16]);
    set.extend((1_u64 << 60).to_le_bytes());
    assert!(GtidSet::decode(&set).is_err());
    assert!(GtidSet::decode_list(&[0xff, 0xff, 0xff, 0x0f]).is_err());

    let huge = [0xfe, 0, 0, 0, 0, 0, 0, 0, 0x10];
    let mut rows = vec![1, 0, 0, 0, 0, 0, 0, 0];
    rows.extend(huge);
    let error = RowsHeader::parse(EventKind::WriteRowsV1, &rows).unwrap_err();
    assert!(error.to_string().contains("bitmap of columns"), "{error}");
    let mut map = vec![1, 0, 0, 0, 0, 0, 0, 0, 1, b'd', 0, 1, b't', 0];
    map.extend(huge);
    let parsed = TableMap::parse(&map, &format, rowtap::mysql::Flavour::MySql);
    assert!(parsed.unwrap_err().to_string().contains("column count"));

    // As many different sources as fit into a megabyte, and the same one over and over.
    for different in [true, false] {
        let mut set = 26_000_u64.to_le_bytes().to_vec();
        for index in 0..26_000_u64 {
            set.extend(if different { index } else { 0 }.to_be_bytes());
            set.extend([0; 8]);
            set.extend(1_u64.to_le_bytes());
            set.extend((2 * (26_000 - index)).to_le_bytes());
            set.extend((2 * (26_000 - index) + 1).to_le_bytes());
        }
        assert_eq!(GtidSet::decode(&set).is_ok(), different);
    }
    assert!(began.elapsed() < Duration::from_secs(5));
}
