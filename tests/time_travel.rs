//! States of the past: equal to the plain fold of the events within the bounds, whatever snapshots
//! and retention left to start from.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::io::{self, Read, Write};
use std::path::Path;

use proptest::prelude::*;
use ringlog::journal::{JournalReader, ReadError};
use ringlog::snapshot::{AsOf, Retention};
use ringlog::time_travel::{StateAt, TimeTravelError};
use ringlog::{EventMeta, Pipeline, State};
use support::{CounterEvent, CounterView, Noted, exploded};

/// Depends on every event and on their order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Chain {
    digest: u64,
    events: u64,
}

impl Chain {
    fn take(&mut self, sequence: u64, at_ms: i64, counter: u64) {
        for number in [sequence, at_ms.cast_unsigned(), counter] {
            self.digest = (self.digest ^ number)
                .wrapping_mul(0x0100_0000_01b3)
                .rotate_left(7);
        }
        self.events += 1;
    }
}

impl State for Chain {
    type Event = CounterEvent;

    const SNAPSHOT_VERSION: u32 = 1;

    fn apply(&mut self, event: CounterView<'_>, meta: &EventMeta) {
        match event {
            CounterView::Noted(noted) => {
                self.take(meta.sequence, meta.event_time_ms, noted.counter.to_native());
            }
            CounterView::Exploded(_) => panic!("this state explodes"),
            CounterView::Added(_) => unreachable!("not published here"),
        }
    }

    fn save(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.digest.to_le_bytes())?;
        out.write_all(&self.events.to_le_bytes())
    }

    fn load(&mut self, _: u32, from: &mut dyn Read) -> io::Result<()> {
        let mut bytes = [0; 16];
        from.read_exact(&mut bytes)?;
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        (self.digest, self.events) = (number(0), number(8));
        Ok(())
    }
}

#[derive(Debug, Clone)]
enum Operation {
    /// Events with these times, one durable before the next batch.
    Publish(Vec<i64>),
    /// Enough to roll a segment, all at this time.
    Bulk(i64),
    Snapshot,
    Reopen,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => prop::collection::vec(-50..50_i64, 1..12).prop_map(Operation::Publish),
        2 => (-50..50_i64).prop_map(Operation::Bulk),
        3 => Just(Operation::Snapshot),
        1 => Just(Operation::Reopen),
    ]
}

fn note(counter: u64, at_ms: i64, bytes: usize) -> CounterEvent {
    Noted {
        counter,
        at_ms,
        text: "n".repeat(bytes),
    }
    .into()
}

fn open(directory: &Path, retention: Retention) -> Pipeline<Chain> {
    Pipeline::<Chain>::builder(directory)
        .segment_bytes(1024 * 1024)
        .retention(retention)
        .open(|_| Chain::default())
        .unwrap()
}

/// Runs the operations; returns the event times in sequence order.
fn run(directory: &Path, operations: &[Operation], retention: Retention) -> Vec<i64> {
    let mut pipeline = open(directory, retention);
    let mut times = Vec::new();
    for operation in operations {
        let (batch, bytes) = match operation {
            Operation::Publish(batch) => (batch.clone(), 10),
            Operation::Bulk(at_ms) => (vec![*at_ms; 40], 30_000),
            Operation::Snapshot => {
                pipeline.snapshot().unwrap();
                continue;
            }
            Operation::Reopen => {
                pipeline.close().unwrap();
                pipeline = open(directory, retention);
                continue;
            }
        };
        let publisher = pipeline.publisher();
        let receipts: Vec<_> = batch
            .iter()
            .map(|&at_ms| {
                times.push(at_ms);
                let event = note(times.len() as u64 % 5, at_ms, bytes);
                publisher.publish(&event).unwrap()
            })
            .collect();
        for receipt in receipts {
            receipt.wait().unwrap();
        }
    }
    pipeline.close().unwrap();
    times
}

/// The plain fold of the events within the bounds.
fn folded(times: &[i64], as_of: AsOf) -> Chain {
    let mut state = Chain::default();
    for (sequence, &at_ms) in (1..).zip(times) {
        if as_of.sequence.is_none_or(|last| sequence <= last) && at_ms <= as_of.event_time_ms {
            state.take(sequence, at_ms, sequence % 5);
        }
    }
    state
}

fn state_at(reader: &JournalReader, as_of: AsOf) -> Result<StateAt<Chain>, TimeTravelError> {
    reader.state_at(0, as_of, |_| Chain::default())
}

/// The sequence of the oldest kept snapshot.
fn oldest_snapshot(directory: &Path) -> u64 {
    std::fs::read_dir(directory.join("partition-0000"))
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let (sequence, _) = name.strip_suffix(".snap")?.split_once('-')?;
            sequence.parse().ok()
        })
        .min()
        .unwrap_or(u64::MAX)
}

#[test]
fn the_state_of_every_sequence_is_the_plain_fold_with_snapshots_in_between() {
    let directory = tempfile::tempdir().unwrap();
    let operations: Vec<_> = [[5, -3, 8, 8], [1, 2, 3, 4], [9, 0, -7, 6]]
        .into_iter()
        .flat_map(|times| [Operation::Publish(times.to_vec()), Operation::Snapshot])
        .collect();
    let times = run(directory.path(), &operations, Retention::Everything);
    let reader = JournalReader::open(directory.path()).unwrap();
    for sequence in 0..=12 {
        let as_of = AsOf::sequence(sequence);
        assert_eq!(
            state_at(&reader, as_of).unwrap().state,
            folded(&times, as_of)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 30, ..ProptestConfig::default() })]

    #[test]
    fn the_state_of_every_moment_is_the_plain_fold_or_is_said_to_be_retired(
        operations in prop::collection::vec(operation(), 1..14),
        retires in any::<bool>(),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let retention = match retires {
            true => Retention::FromOldestSnapshot { cursor_lag_max: 0 },
            false => Retention::Everything,
        };
        let times = run(directory.path(), &operations, retention);
        let reader = JournalReader::open(directory.path()).unwrap();
        let earliest = reader.cursor(0).unwrap().earliest();
        prop_assert!(retires || earliest == 1);
        let last = times.len() as u64;
        let oldest = oldest_snapshot(directory.path());
        let moments = (0..=last)
            .step_by(1 + last as usize / 40)
            .map(AsOf::sequence)
            .chain((-51..51).step_by(10).map(AsOf::event_time_ms))
            .chain((-51..51).step_by(20).map(|time| AsOf { sequence: Some(last / 2), event_time_ms: time }))
            .chain([AsOf::LATEST]);
        for as_of in moments {
            match state_at(&reader, as_of) {
                Ok(past) => {
                    let expected = folded(&times, as_of);
                    prop_assert_eq!(past.events, expected.events, "{:?}", as_of);
                    prop_assert_eq!(past.state, expected, "{:?}", as_of);
                    prop_assert_eq!(past.last_sequence, as_of.sequence.map_or(last, |asked| asked.min(last)));
                }
                Err(TimeTravelError::Read(ReadError::Retired { earliest: said, .. })) => {
                    prop_assert!(earliest > 1 && said == earliest, "{:?}: {}", as_of, said);
                    let is_covered = as_of.sequence.is_none_or(|asked| asked >= oldest) && as_of.event_time_ms >= 50;
                    prop_assert!(!is_covered, "{as_of:?}");
                }
                Err(error) => return Err(TestCaseError::fail(format!("{as_of:?}: {error}"))),
            }
        }
    }
}

#[test]
fn a_snapshot_with_a_later_event_in_it_does_not_serve_an_earlier_time() {
    let directory = tempfile::tempdir().unwrap();
    let operations = [
        Operation::Publish(vec![10, 30, 20]),
        Operation::Snapshot,
        Operation::Publish(vec![15, 40, 5]),
    ];
    let times = run(directory.path(), &operations, Retention::Everything);
    let reader = JournalReader::open(directory.path()).unwrap();
    // Events behind the snapshot in order are before it in time, and the other way round.
    for (time, events) in [(4, 0), (5, 1), (15, 3), (29, 4), (30, 5), (40, 6)] {
        let past = state_at(&reader, AsOf::event_time_ms(time)).unwrap();
        assert_eq!(past.events, events, "at {time}");
        assert_eq!(past.state, folded(&times, AsOf::event_time_ms(time)));
    }
}

#[test]
fn a_sequence_beyond_the_end_is_refused_with_the_last_one() {
    let directory = tempfile::tempdir().unwrap();
    run(
        directory.path(),
        &[Operation::Publish(vec![1; 7])],
        Retention::Everything,
    );
    let reader = JournalReader::open(directory.path()).unwrap();
    for beyond in [8, u64::MAX] {
        match state_at(&reader, AsOf::sequence(beyond)) {
            Err(TimeTravelError::BeyondTheEnd {
                asked,
                last_sequence: 7,
                ..
            }) => assert_eq!(asked, beyond),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        state_at(&reader, AsOf::sequence(0)).unwrap().state,
        Chain::default()
    );
    assert_eq!(state_at(&reader, AsOf::sequence(7)).unwrap().events, 7);
}

#[test]
fn a_panic_of_apply_becomes_an_error_that_names_the_event() {
    let directory = tempfile::tempdir().unwrap();
    run(
        directory.path(),
        &[Operation::Publish(vec![1, 1])],
        Retention::Everything,
    );
    // Another program, whose state takes it.
    let other = support::open(directory.path(), 1);
    drop(other);
    let mended = Pipeline::<support::Counters>::builder(directory.path())
        .open(|_| support::Counters {
            is_mended: true,
            ..support::Counters::default()
        })
        .unwrap();
    mended
        .publisher()
        .publish(&exploded(1))
        .unwrap()
        .wait()
        .unwrap();
    mended.close().unwrap();
    let reader = JournalReader::open(directory.path()).unwrap();
    let error = state_at(&reader, AsOf::LATEST).unwrap_err();
    assert!(
        matches!(&error, TimeTravelError::Panicked { sequence: 3, message, .. }
            if message == "this state explodes"),
        "{error}"
    );
    assert_eq!(state_at(&reader, AsOf::sequence(2)).unwrap().events, 2);
}
