//! What `scripts/bench-kafka` measures with: changes at a rate and when a consumer of what is committed has them, when a
//! topic has so many records, and what a topic's records hold.
//!
//! ```text
//! kafka latency PORT BOOTSTRAP TOPIC RATE SECONDS
//! kafka await BOOTSTRAP TOPIC FROM COUNT
//! kafka payloads BOOTSTRAP TOPIC
//! ```
//!
//! `latency` commits transactions of one row, RATE a second, on four connections to the table `bench.latency`, and prints the
//! percentiles of the time from the return of a COMMIT to the record in a consumer, in milliseconds. A record that comes before
//! COMMIT returns counts as 0. `await` waits until a topic that holds FROM records holds COUNT more, and prints the seconds until the
//! first of these, and until the last. `payloads` prints the first records of a topic, one a line: value, key and
//! headers without anything between them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a tool for measurements, whose failure a person sees"
)]

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mysql::prelude::Queryable as _;
use mysql::{Conn, OptsBuilder};
use rdkafka::Message as _;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Headers as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const CONNECTIONS: u64 = 4;
/// At the beginning, while files and topics are made.
const WARM_UP: Duration = Duration::from_secs(2);
/// How long the last records may take.
const LATE_MAX: Duration = Duration::from_secs(10);
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Records that are printed.
const PRINTED: usize = 10_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments.as_slice() {
        ["latency", port, bootstrap, topic, rate, seconds, ..] => latency(
            port.parse().unwrap(),
            bootstrap,
            topic,
            rate.parse().unwrap(),
            Duration::from_secs(seconds.parse().unwrap()),
        ),
        ["await", bootstrap, topic, from, count, ..] => {
            await_count(
                bootstrap,
                topic,
                from.parse().unwrap(),
                count.parse().unwrap(),
            );
        }
        ["payloads", bootstrap, topic, ..] => payloads(bootstrap, topic),
        // `cargo bench` without a name runs all of them.
        _ => println!("scripts/bench-kafka runs this"),
    }
}

fn consumer(bootstrap: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "bench")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("fetch.min.bytes", "1")
        .create()
        .unwrap()
}

fn latency(port: u16, bootstrap: &str, topic: &str, rate: u64, lasts: Duration) {
    let consumer = consumer(bootstrap);
    let mut all = TopicPartitionList::new();
    all.add_partition_offset(topic, 0, Offset::End).unwrap();
    consumer.assign(&all).unwrap();
    consumer.poll(Duration::from_secs(1));
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let reading = std::thread::spawn(move || arrivals(&consumer, &over));
    let begun = Instant::now();
    let writing: Vec<_> = (0..CONNECTIONS)
        .map(|number| std::thread::spawn(move || commits(port, number, rate, begun, lasts)))
        .collect();
    let mut committed = HashMap::new();
    for thread in writing {
        committed.extend(thread.join().unwrap());
    }
    std::thread::sleep(LATE_MAX);
    is_over.store(true, Ordering::Relaxed);
    let arrived = reading.join().unwrap();
    report(rate, begun, &committed, &arrived);
}

fn report(
    rate: u64,
    begun: Instant,
    committed: &HashMap<u64, Instant>,
    arrived: &HashMap<u64, Instant>,
) {
    let mut latencies = Vec::new();
    let mut missing = 0;
    for (id, at) in committed {
        match arrived.get(id) {
            Some(arrived) if *at > begun + WARM_UP => {
                latencies.push(arrived.saturating_duration_since(*at));
            }
            Some(_) => {}
            None => missing += 1,
        }
    }
    latencies.sort_unstable();
    let at = |part: f64| {
        let index = (latencies.len() as f64 * part) as usize;
        let found = latencies[index.min(latencies.len() - 1)];
        found.as_secs_f64() * 1000.0
    };
    let last = committed.values().max().unwrap();
    let reached = committed.len() as f64 / last.duration_since(begun).as_secs_f64();
    println!(
        "{rate}/s wanted, {reached:.0}/s reached, {} measured, {missing} missing: p50 {:.2} p90 {:.2} p99 {:.2} p99.9 {:.2} max {:.2} ms",
        latencies.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        at(1.0)
    );
}

/// When each id arrived.
fn arrivals(consumer: &BaseConsumer, is_over: &AtomicBool) -> HashMap<u64, Instant> {
    let mut arrived = HashMap::new();
    while !is_over.load(Ordering::Relaxed) {
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
            let now = Instant::now();
            let key = String::from_utf8_lossy(message.key().unwrap_or_default());
            let digits: String = key.chars().filter(char::is_ascii_digit).collect();
            if let Ok(id) = digits.parse() {
                arrived.entry(id).or_insert(now);
            }
        }
    }
    arrived
}

/// Commits one row after the other, and returns when each COMMIT returned.
fn commits(
    port: u16,
    number: u64,
    rate: u64,
    begun: Instant,
    lasts: Duration,
) -> Vec<(u64, Instant)> {
    let options = OptsBuilder::new()
        .ip_or_hostname(Some("127.0.0.1"))
        .tcp_port(port)
        .user(Some("rowtap"))
        .pass(Some("bench-password"))
        .db_name(Some("bench"));
    let mut connection = Conn::new(options).unwrap();
    let base = u64::from(std::process::id()) * 1_000_000;
    let statement = connection
        .prep("INSERT INTO latency (id, text) VALUES (?, ?)")
        .unwrap();
    let mut committed = Vec::new();
    for turn in 0_u64.. {
        let place = turn * CONNECTIONS + number;
        let due = begun + Duration::from_nanos(place * 1_000_000_000 / rate);
        if due > begun + lasts {
            break;
        }
        if let Some(early) = due.checked_duration_since(Instant::now()) {
            std::thread::sleep(early);
        }
        let id = base + place;
        let text = "a row as small as rows are, of about a hundred characters, which is what most tables have in the end";
        connection.exec_drop(&statement, (id, text)).unwrap();
        committed.push((id, Instant::now()));
    }
    committed
}

fn payloads(bootstrap: &str, topic: &str) {
    let consumer = consumer(bootstrap);
    let mut all = TopicPartitionList::new();
    all.add_partition_offset(topic, 0, Offset::Beginning)
        .unwrap();
    consumer.assign(&all).unwrap();
    let mut out = std::io::stdout().lock();
    for _ in 0..PRINTED {
        let message = consumer.poll(ANSWER_MAX).unwrap().unwrap();
        let mut line = message.payload().unwrap_or_default().to_vec();
        line.extend(message.key().unwrap_or_default());
        let headers = message.headers().into_iter();
        for header in headers.flat_map(|headers| headers.iter()) {
            line.extend(header.key.as_bytes());
            line.extend(header.value.unwrap_or_default());
        }
        assert!(!line.contains(&b'\n'), "a record holds a line feed");
        line.push(b'\n');
        out.write_all(&line).unwrap();
    }
}

fn await_count(bootstrap: &str, topic: &str, from: i64, count: i64) {
    let consumer = consumer(bootstrap);
    let begun = Instant::now();
    let mut first = None;
    loop {
        let metadata = consumer.fetch_metadata(Some(topic), ANSWER_MAX);
        let partitions = metadata.map_or(0, |metadata| metadata.topics()[0].partitions().len());
        let end = |partition| {
            let partition = i32::try_from(partition).unwrap();
            let watermarks = consumer.fetch_watermarks(topic, partition, ANSWER_MAX);
            watermarks.map_or(0, |(_, end)| end)
        };
        let held = (0..partitions).map(end).sum::<i64>();
        let passed = begun.elapsed().as_secs_f64();
        if held > from {
            first.get_or_insert(passed);
        }
        if held >= from + count {
            println!("{:.3} {passed:.3}", first.unwrap_or(passed));
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
