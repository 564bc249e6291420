//! The contract of `Sink`, for every sink that keeps anything.

use std::ops::Range;

use rowtap::sink::{BlockOf, Sink};

use super::{checkpoint, run};

/// A target and the means to look at it from outside.
pub trait Subject {
    type Sink: Sink;
    /// Whether the target stores the checkpoint with the data.
    const ONCE: bool;
    /// A new sink on the same target.
    fn open(&self) -> Self::Sink;
    /// A change a number, in order.
    fn block(&self, numbers: Range<u64>) -> BlockOf<Self::Sink>;
    /// The numbers of the changes that a reader finds, in order.
    fn read(&self) -> Vec<u64>;
}

/// Begins a stream as the pipeline does: the checkpoint that it starts from is committed before anything else.
pub async fn begin<S: Subject>(subject: &S) -> S::Sink {
    let mut sink = subject.open();
    assert_eq!(sink.resume_point().await.unwrap(), None);
    sink.commit(&checkpoint(0)).await.unwrap();
    sink
}

pub async fn write<S: Subject>(subject: &S, sink: &mut S::Sink, numbers: Range<u64>) {
    let mut block = subject.block(numbers);
    sink.write(&mut block).await.unwrap();
}

/// Every check of the contract, each on a target of its own.
pub fn holds<S: Subject>(subject: impl Fn(&str) -> S) {
    what_was_committed_is_there(subject("committed"));
    many_blocks_stay_in_order(subject("order"));
    an_uncommitted_tail_is_written_again(subject("tail"));
    a_commit_without_changes_moves_the_checkpoint(subject("empty"));
}

fn what_was_committed_is_there<S: Subject>(subject: S) {
    run(async {
        let mut sink = begin(&subject).await;
        write(&subject, &mut sink, 0..250).await;
        sink.commit(&checkpoint(250)).await.unwrap();
        assert_eq!(subject.read(), (0..250).collect::<Vec<_>>());
    });
}

fn many_blocks_stay_in_order<S: Subject>(subject: S) {
    run(async {
        let mut sink = begin(&subject).await;
        for block in 0..200 {
            write(&subject, &mut sink, block * 50..(block + 1) * 50).await;
            if block % 7 == 0 {
                sink.commit(&checkpoint((block + 1) * 50)).await.unwrap();
            }
        }
        sink.commit(&checkpoint(10_000)).await.unwrap();
        assert_eq!(subject.read(), (0..10_000).collect::<Vec<_>>());
    });
}

fn an_uncommitted_tail_is_written_again<S: Subject>(subject: S) {
    run(async {
        let mut sink = begin(&subject).await;
        write(&subject, &mut sink, 0..50).await;
        sink.commit(&checkpoint(50)).await.unwrap();
        write(&subject, &mut sink, 50..80).await;
        drop(sink);

        let mut sink = subject.open();
        let resume_point = sink.resume_point().await.unwrap();
        assert_eq!(resume_point, S::ONCE.then(|| checkpoint(50)));
        sink.commit(&checkpoint(50)).await.unwrap();
        write(&subject, &mut sink, 50..100).await;
        sink.commit(&checkpoint(100)).await.unwrap();
        let found = subject.read();
        if S::ONCE {
            assert_eq!(found, (0..100).collect::<Vec<_>>());
        } else {
            // What lies between the committed head and the new tail is a part of the old tail, from its beginning on.
            assert_eq!(found[..50], (0..50).collect::<Vec<_>>());
            let repeated = found.len() - 100;
            assert!(repeated <= 30, "{found:?}");
            let middle: Vec<u64> = (50..).take(repeated).collect();
            assert_eq!(found[50..50 + repeated], middle);
            let tail: Vec<u64> = (50..100).collect();
            assert_eq!(found[50 + repeated..], tail);
        }
    });
}

fn a_commit_without_changes_moves_the_checkpoint<S: Subject>(subject: S) {
    run(async {
        let mut sink = begin(&subject).await;
        for position in [10, 20, 20] {
            sink.commit(&checkpoint(position)).await.unwrap();
        }
        drop(sink);
        let resume_point = subject.open().resume_point().await.unwrap();
        assert_eq!(resume_point, S::ONCE.then(|| checkpoint(20)));
        assert!(subject.read().is_empty());
    });
}
