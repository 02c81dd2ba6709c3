//! The same history with and without retention: state, dedupe, sources and totals are the same.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::path::Path;

use proptest::prelude::*;
use ringlog::journal::JournalReader;
use ringlog::snapshot::{AsOf, Retention};
use ringlog::source::SourceInfo;
use ringlog::{Pipeline, State};
use support::sums::Sums;
use support::{added, noted};

const PARTITIONS: u32 = 2;
const SOURCES: [&str; 3] = ["orders", "trades", "quotes"];

#[derive(Debug, Clone)]
enum Operation {
    /// Publishes this many events from a number on; what was seen before is a duplicate.
    Publish {
        source: usize,
        from: u64,
        count: u64,
    },
    /// Enough to roll a segment.
    Bulk,
    Snapshot,
    RetireSource(usize),
    Reopen,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (0..SOURCES.len(), 1..200_u64, 1..60_u64)
            .prop_map(|(source, from, count)| Operation::Publish { source, from, count }),
        3 => Just(Operation::Bulk),
        3 => Just(Operation::Snapshot),
        1 => (0..SOURCES.len()).prop_map(Operation::RetireSource),
        2 => Just(Operation::Reopen),
    ]
}

/// Everything that must not depend on retention.
#[derive(Debug, PartialEq)]
struct Outcome {
    states: Vec<Sums<1>>,
    duplicates: u64,
    sources: Vec<Vec<(String, SourceInfo)>>,
    /// By partition: kind and version, and how many. Without the times, which are the clock's.
    totals: Vec<Vec<((u16, u16), u64)>>,
}

fn open(directory: &Path, retention: Retention) -> Pipeline<Sums<1>> {
    Pipeline::<Sums<1>>::builder(directory)
        .partitions(PARTITIONS)
        .segment_bytes(1024 * 1024)
        .retention(retention)
        .open(|_| Sums::default())
        .unwrap()
}

/// Runs the operations; also says how many events are still in the journal.
fn run(operations: &[Operation], retention: Retention) -> (Outcome, u64) {
    let directory = tempfile::tempdir().unwrap();
    let mut pipeline = open(directory.path(), retention);
    let mut duplicates = 0;
    for operation in operations {
        match operation {
            Operation::Publish {
                source,
                from,
                count,
            } => {
                let source = pipeline.source(SOURCES[*source]).unwrap();
                let mut receipts = Vec::new();
                for number in *from..from + count {
                    receipts.push(
                        source
                            .publish(number, &added(number % 5, number))
                            .unwrap()
                            .detach(),
                    );
                }
                for receipt in receipts {
                    receipt.wait().unwrap();
                }
            }
            Operation::Bulk => {
                let publisher = pipeline.publisher();
                for note in 0..80 {
                    let receipt = publisher.publish(&noted(note, "n".repeat(30_000))).unwrap();
                    if note > 70 {
                        receipt.wait().unwrap();
                    }
                }
            }
            Operation::Snapshot => drop(pipeline.snapshot().unwrap()),
            Operation::RetireSource(source) => drop(pipeline.retire_source(SOURCES[*source])),
            Operation::Reopen => {
                duplicates += pipeline.close().unwrap().duplicates();
                pipeline = open(directory.path(), retention);
            }
        }
    }
    let states = (0..PARTITIONS)
        .map(|partition| pipeline.read_partition(partition, Sums::clone).unwrap())
        .collect();
    duplicates += pipeline.close().unwrap().duplicates();

    let reader = JournalReader::open(directory.path()).unwrap();
    let (mut sources, mut totals, mut kept) = (Vec::new(), Vec::new(), 0);
    for partition in 0..PARTITIONS {
        let (mut state, mut cursor) = reader
            .restore(partition, AsOf::LATEST, |_| Sums::<1>::default())
            .unwrap();
        while let Some(event) = cursor.next_event().unwrap() {
            let mut viewer = ringlog::Viewer::default();
            state.apply(
                event.view::<support::CounterEvent>(&mut viewer).unwrap(),
                &event.meta,
            );
        }
        sources.push(cursor.sources().into_iter().collect());
        totals.push(cursor.totals().by_type());
        let mut cursor = reader.cursor(partition).unwrap();
        while cursor.next_event().unwrap().is_some() {
            kept += 1;
        }
    }
    let outcome = Outcome {
        states,
        duplicates,
        sources,
        totals,
    };
    (outcome, kept)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn state_dedupe_sources_and_totals_are_the_same_with_and_without_retention(
        operations in prop::collection::vec(operation(), 1..14)
    ) {
        let (kept_all, _) = run(&operations, Retention::Everything);
        let retiring = Retention::FromOldestSnapshot { cursor_lag_max: 0 };
        let (retired, _) = run(&operations, retiring);
        prop_assert_eq!(kept_all, retired);
    }
}

#[test]
fn a_long_history_keeps_its_outcome_although_most_of_its_events_are_gone() {
    let round = [
        Operation::Publish {
            source: 0,
            from: 1,
            count: 50,
        },
        Operation::Bulk,
        Operation::Snapshot,
        Operation::Reopen,
    ];
    let operations: Vec<_> = std::iter::repeat_n(round, 5).flatten().collect();
    let (kept_all, events) = run(&operations, Retention::Everything);
    let retiring = Retention::FromOldestSnapshot { cursor_lag_max: 0 };
    let (retired, events_left) = run(&operations, retiring);
    assert_eq!(kept_all, retired);
    assert!(
        events_left < events,
        "{events_left} of {events} events are left"
    );
    assert_eq!(retired.duplicates, 4 * 50);
}
