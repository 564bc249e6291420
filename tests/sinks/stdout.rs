//! The standard output: what leaves the process, and a reader that goes away.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use rowtap::sink::{Sink, SinkError, Stdout, StdoutOptions};

use super::{checkpoint, lines, number, run};

const CHILD: &str = "ROWTAP_TEST_STDOUT_CHANGES";

/// This process is the writer when the variable says how many changes to write.
fn write_as_told() {
    let Some(changes) = std::env::var_os(CHILD) else {
        return;
    };
    let changes: u64 = changes.to_str().unwrap().parse().unwrap();
    let ended = run(async {
        let mut sink = Stdout::new(&StdoutOptions::default(), "shop");
        assert_eq!(sink.resume_point().await?, None);
        for block in 0..changes / 100 {
            sink.write(&mut lines(block * 100..block * 100 + 100))
                .await?;
            sink.commit(&checkpoint(block * 100 + 100)).await?;
        }
        Ok::<(), SinkError>(())
    });
    let code = match ended {
        Ok(()) => 10,
        Err(error) if error.class().is_clean_end() => 11,
        Err(_) => 12,
    };
    std::process::exit(code);
}

fn writer(test: &str, changes: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("sinks::stdout::{test}"), "--nocapture"])
        .env(CHILD, changes.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn lines_come_in_stream_order_with_ddl_among_them() {
    write_as_told();
    let mut child = writer("lines_come_in_stream_order_with_ddl_among_them", 1000);
    let mut text = String::new();
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(10));
    let mut next = 0;
    let mut ddl = 0;
    for line in text.lines().filter(|line| line.starts_with('{')) {
        if line.contains("ddl") {
            assert_eq!(number(line, "ddl"), next);
            ddl += 1;
        } else {
            assert_eq!(number(line, "n"), next);
            next += 1;
        }
    }
    assert_eq!((next, ddl), (1000, 10));
}

#[test]
fn a_reader_that_closes_the_pipe_ends_the_stream_cleanly() {
    write_as_told();
    let mut child = writer(
        "a_reader_that_closes_the_pipe_ends_the_stream_cleanly",
        10_000_000,
    );
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with('{') {
        line.clear();
        reader.read_line(&mut line).unwrap();
    }
    drop(reader);
    assert_eq!(child.wait().unwrap().code(), Some(11));
}
