//! Event bodies beside what `mysql_common` reads in them, and GTIDs beside `mysqlbinlog`'s listing.

use mysql_common::binlog::EventStreamReader;
use mysql_common::binlog::consts::BinlogVersion;
use mysql_common::binlog::events::{EventData, RowsEventData};
use rowtap::binlog::{
    EventKind, Gtid, GtidEvent, GtidSet, MariaDbGtidEvent, Query, RowsHeader, TableMap, XaPrepare,
    statement, xid,
};
use rowtap::mysql::Flavour;
use uuid::Uuid;

use rowtap::mysql::Flavour as Family;

use super::{Event, RECORDINGS, events};
use crate::support;

#[tokio::test]
async fn bodies_are_read_as_mysql_common_reads_them() {
    for recording in &RECORDINGS {
        let (events, framer) = events(&recording.binlog_path()).await;
        let bytes = recording.bytes();
        let mut rest = &bytes[4..];
        let mut reader = EventStreamReader::new(BinlogVersion::Version4);
        let mut compared = 0;
        for event in &events {
            let peer = reader.read(&mut rest).unwrap().unwrap();
            let header = peer.header();
            let ours = &event.frame.header;
            assert_eq!(header.timestamp(), ours.timestamp);
            assert_eq!(header.event_type_raw(), ours.kind.number());
            assert_eq!(header.server_id(), ours.server_id);
            assert_eq!(header.log_pos(), ours.log_position);
            assert_eq!(header.flags_raw(), ours.flags);
            if let Some(data) = peer.read_data().unwrap() {
                compared += usize::from(compare(event, framer.format(), &data));
            }
        }
        println!("{}: {compared} bodies compared", recording.name);
        assert!(compared > 30, "{compared}");
    }
}

/// Whether there was something to compare.
fn compare(
    event: &Event,
    format: &rowtap::binlog::FormatDescription,
    peer: &EventData<'_>,
) -> bool {
    let (body, kind) = (event.body(), event.kind());
    match peer {
        EventData::QueryEvent(peer) => {
            let query = Query::parse(body, format).unwrap();
            assert_eq!(query.thread_id, peer.thread_id());
            assert_eq!(query.execution_seconds, peer.execution_time());
            assert_eq!(query.error_code, peer.error_code());
            assert_eq!(query.database, peer.schema_raw());
            assert_eq!(query.statement, peer.query_raw());
            assert_eq!(query.unknown_code, None);
            assert!(query.sql_mode.is_some() && query.client_collation.is_some());
        }
        EventData::TableMapEvent(peer) => {
            let map = TableMap::parse(body, format, format.flavour()).unwrap();
            assert_eq!(map.table_id, peer.table_id());
            assert_eq!(TableMap::id_of(body).unwrap(), peer.table_id());
            assert_eq!(map.database, peer.database_name_raw());
            assert_eq!(map.table, peer.table_name_raw());
            assert_eq!(map.column_count() as u64, peer.columns_count());
        }
        EventData::RowsEvent(peer) => rows(kind, body, peer),
        EventData::XidEvent(peer) => assert_eq!(xid(body).unwrap(), peer.xid),
        EventData::RowsQueryEvent(peer) => {
            assert_eq!(statement(kind, body).unwrap(), peer.query_raw());
            assert!(peer.query_raw().len() > 255);
        }
        EventData::GtidEvent(peer) => {
            let ours = GtidEvent::parse(kind, body).unwrap();
            let gtid = Gtid::MySql {
                uuid: Uuid::from_bytes(peer.sid()),
                tag: peer.tag().map_or("", |tag| tag.as_str()).into(),
                number: peer.gno(),
            };
            assert_eq!(
                ours.gtid,
                (kind != EventKind::AnonymousGtid).then_some(gtid)
            );
            clock(&ours, peer);
        }
        EventData::AnonymousGtidEvent(peer) => {
            let ours = GtidEvent::parse(kind, body).unwrap();
            assert_eq!(ours.gtid, None);
            clock(&ours, &peer.0);
        }
        EventData::PreviousGtidsEvent(peer) => {
            assert!(
                peer.sids().is_empty(),
                "the first file has no groups before it"
            );
            assert_eq!(
                GtidSet::decode(body).unwrap(),
                GtidSet::empty(Flavour::MySql)
            );
        }
        EventData::XaPrepareLogEvent(_) => {
            let ours = XaPrepare::parse(body).unwrap();
            assert!(body.len() == 13 + ours.id.global.len() + ours.id.branch.len());
        }
        _not_compared => return false,
    }
    true
}

fn clock(ours: &GtidEvent, peer: &mysql_common::binlog::events::GtidEvent) {
    assert_eq!(ours.may_have_statements, peer.flags_raw() & 1 != 0);
    assert_eq!(ours.last_committed, peer.last_committed());
    assert_eq!(ours.sequence_number, peer.sequence_number());
    assert_eq!(
        ours.immediate_commit_us,
        Some(peer.immediate_commit_timestamp())
    );
    assert_eq!(ours.transaction_length, Some(peer.tx_length()));
    // The peer leaves the field of a tagged event out where it is the immediate one.
    assert!(ours.original_commit_us == Some(peer.original_commit_timestamp()) || peer.is_tagged());
}

fn rows(kind: EventKind, body: &[u8], peer: &RowsEventData<'_>) {
    let rows = RowsHeader::parse(kind, body).unwrap();
    assert_eq!(rows.table_id, peer.table_id());
    assert_eq!(rows.flags & 0xf, peer.flags().bits() & 0xf);
    assert_eq!(rows.column_count as u64, peer.num_columns());
    assert_eq!(&body[rows.body.clone()], peer.rows_data());
    let bits = |range: &std::ops::Range<usize>| -> Vec<bool> {
        let bytes = &body[range.clone()];
        (0..rows.column_count)
            .map(|i| bytes[i / 8] >> (i % 8) & 1 == 1)
            .collect()
    };
    let taken = |bits: Vec<bool>| bits[..rows.column_count].to_vec();
    match (peer.columns_before_image(), peer.columns_after_image()) {
        (Some(before), Some(after)) => {
            assert_eq!(
                bits(&rows.columns),
                taken(before.iter().by_vals().collect())
            );
            assert_eq!(
                bits(&rows.columns_after),
                taken(after.iter().by_vals().collect())
            );
        }
        (Some(only), None) | (None, Some(only)) => {
            assert_eq!(bits(&rows.columns), taken(only.iter().by_vals().collect()));
        }
        (None, None) => panic!("a rows event has columns"),
    }
}

/// The GTIDs of a listing, in order.
fn listed(flavour: support::Flavour, text: &str) -> Vec<String> {
    let lines = text.lines();
    match flavour.family() {
        Family::MySql => lines
            .filter_map(|line| line.strip_prefix("SET @@SESSION.GTID_NEXT= '"))
            .filter_map(|line| line.split('\'').next())
            .filter(|gtid| !gtid.starts_with("AUTOMATIC"))
            .map(str::to_owned)
            .collect(),
        Family::MariaDb => lines
            .filter_map(|line| line.split_once("\tGTID ")?.1.split(' ').next())
            .map(str::to_owned)
            .collect(),
    }
}

#[tokio::test]
async fn gtids_are_those_that_mysqlbinlog_lists() {
    for recording in &RECORDINGS {
        let (events, _) = events(&recording.binlog_path()).await;
        let text = std::fs::read_to_string(recording.golden_path()).unwrap();
        let found: Vec<String> = events
            .iter()
            .filter_map(|event| match event.kind() {
                EventKind::MariaDbGtid => {
                    let header = &event.frame.header;
                    let gtid = MariaDbGtidEvent::parse(header, event.body()).unwrap().gtid;
                    Some(gtid.to_string())
                }
                EventKind::Gtid | EventKind::GtidTagged | EventKind::AnonymousGtid => {
                    let gtid = GtidEvent::parse(event.kind(), event.body()).unwrap().gtid;
                    Some(gtid.map_or("ANONYMOUS".to_owned(), |gtid| gtid.to_string()))
                }
                _other => None,
            })
            .collect();
        assert_eq!(
            found,
            listed(recording.flavour, &text),
            "{}",
            recording.name
        );
        assert!(found.len() > 15, "{}", recording.name);
    }
}

#[tokio::test]
async fn flags_of_mariadbs_gtids_are_those_that_its_tool_lists() {
    let recording = &RECORDINGS[2];
    let (events, _) = events(&recording.binlog_path()).await;
    let text = std::fs::read_to_string(recording.golden_path()).unwrap();
    let mut lines = text
        .lines()
        .filter_map(|line| Some(line.split_once("\tGTID ")?.1));
    let (mut prepared, mut completed, mut altered) = (0, 0, 0);
    for event in events
        .iter()
        .filter(|event| event.kind() == EventKind::MariaDbGtid)
    {
        let gtid = MariaDbGtidEvent::parse(&event.frame.header, event.body()).unwrap();
        let line = lines.next().unwrap();
        assert_eq!(gtid.ddl, line.contains(" ddl"), "{line}");
        assert_eq!(gtid.transactional, line.contains(" trans"), "{line}");
        assert_eq!(
            gtid.xa_id.is_some(),
            gtid.prepared_xa || gtid.completed_xa,
            "{line}"
        );
        if let Some(alter) = gtid.alter {
            altered += 1;
            let expected = match alter {
                rowtap::binlog::AlterPhase::Start => "START ALTER".to_owned(),
                rowtap::binlog::AlterPhase::Commit { start } => format!("COMMIT ALTER id= {start}"),
                rowtap::binlog::AlterPhase::Rollback { start } => {
                    format!("ROLLBACK ALTER id= {start}")
                }
            };
            assert!(line.contains(&expected), "{line}");
        } else {
            assert!(!line.contains("ALTER"), "{line}");
        }
        if let Some(id) = &gtid.xa_id {
            assert!(text.contains(&id.to_string()), "{id}");
        }
        prepared += usize::from(gtid.prepared_xa);
        completed += usize::from(gtid.completed_xa);
    }
    assert_eq!((prepared, completed, altered), (2, 2, 2));
}
