//! Segments that are retired and used again beside a reader of the journal.

use std::sync::Arc;

use ringlog::internal::Snapshotter;
use ringlog::journal::{Cursor, ReadError};
use ringlog::snapshot::AsOf;
use ringlog_loom_tests::{Memory, Preemptions, explore, explore_outcomes, spawn};

use crate::written::{Fold, Written, read_all};

/// Four groups in two segments, and snapshots that let go of the first one. The cursor was opened
/// when there were `cursor_at` groups, and read `seen` of them.
fn two_segments(cursor_at: u64, seen: u64) -> (Written, Cursor) {
    let setup = spawn(move || {
        let mut written = Written::new(cursor_at);
        let mut cursor = written.reader.cursor(0).unwrap();
        for sequence in 1..=seen {
            let event = cursor.next_event().unwrap().unwrap();
            assert_eq!(event.meta.sequence, sequence);
        }
        let snapshots = written.snapshots();
        if cursor_at < 2 {
            written.commit(cursor_at + 1, 2);
        }
        assert_eq!(snapshots.take().unwrap().sequence, 2);
        written.commit(3, 4);
        assert_eq!(snapshots.take().unwrap().sequence, 4);
        written.memory.start();
        (written, cursor)
    });
    setup.join().unwrap()
}

/// Retires the first segment, prepares one and fills it.
fn go_on(written: &mut Written) {
    assert_eq!(written.journal.retire(2, &written.preparer), 1);
    assert!(written.preparer.step());
    written.commit(5, 6);
}

fn everything(cursor: &mut Cursor, memory: &Memory) -> Result<(u64, u64), ReadError> {
    let first = cursor.next_event()?.unwrap().meta.sequence;
    Ok((first, read_all(cursor, memory, first)?))
}

#[test]
fn a_reader_that_starts_beside_a_retirement_reads_all_or_what_is_left_or_is_told() {
    // The first event that was read, if any was.
    explore_outcomes(Preemptions::Three, [Some(1), Some(3), None], || {
        let (mut written, _) = two_segments(2, 2);
        let (memory, reader) = (written.memory.clone(), Arc::clone(&written.reader));
        let goes_on = spawn(move || {
            go_on(&mut written);
            written
        });
        let seen = reader
            .cursor(0)
            .and_then(|mut cursor| everything(&mut cursor, &memory));
        let first = match seen {
            Ok((first, last)) => {
                assert!(last >= 4, "{last}");
                Some(first)
            }
            Err(ReadError::Retired { earliest, .. }) => {
                assert_eq!(earliest, 3);
                None
            }
            Err(error) => panic!("{error}"),
        };
        goes_on.join().unwrap();
        first
    });
}

#[test]
fn a_reader_that_holds_a_segment_keeps_its_bytes() {
    explore(Preemptions::Unbounded, || {
        let (mut written, mut cursor) = two_segments(2, 1);
        let memory = written.memory.clone();
        let goes_on = spawn(move || {
            go_on(&mut written);
            written
        });
        assert_eq!(read_all(&mut cursor, &memory, 1).unwrap(), 2);
        goes_on.join().unwrap();
        cursor.refresh().unwrap();
        assert_eq!(read_all(&mut cursor, &memory, 2).unwrap(), 6);
    });
}

#[test]
fn a_reader_that_looks_again_beside_the_retirement_of_what_it_has_read_goes_on() {
    explore(Preemptions::Three, || {
        let (mut written, mut cursor) = two_segments(2, 2);
        let memory = written.memory.clone();
        let goes_on = spawn(move || {
            go_on(&mut written);
            written
        });
        cursor.refresh().unwrap();
        let seen = read_all(&mut cursor, &memory, 2).unwrap();
        assert!(seen >= 4);
        goes_on.join().unwrap();
        cursor.refresh().unwrap();
        assert_eq!(read_all(&mut cursor, &memory, seen).unwrap(), 6);
    });
}

#[test]
fn a_reader_that_looks_again_beside_the_retirement_of_what_it_has_not_read_is_told() {
    explore_outcomes(Preemptions::Three, ["read", "told"], || {
        let (mut written, mut cursor) = two_segments(2, 1);
        let memory = written.memory.clone();
        let goes_on = spawn(move || {
            go_on(&mut written);
            written
        });
        let seen = cursor
            .refresh()
            .and_then(|()| read_all(&mut cursor, &memory, 1));
        let outcome = match seen {
            Ok(last) => {
                assert!(last >= 4);
                "read"
            }
            Err(ReadError::Retired { earliest, .. }) => {
                assert_eq!(earliest, 3);
                "told"
            }
            Err(error) => panic!("{error}"),
        };
        goes_on.join().unwrap();
        outcome
    });
}

/// Five groups in three segments, and a third snapshot about to be taken: it lets go of the oldest
/// one, and of what stands below the second.
fn third_snapshot() -> (Written, Snapshotter<Fold>) {
    let setup = spawn(|| {
        let mut written = Written::new(2);
        let snapshots = written.snapshots();
        assert_eq!(snapshots.take().unwrap().sequence, 2);
        written.commit(3, 4);
        assert_eq!(snapshots.take().unwrap().sequence, 4);
        written.commit(5, 5);
        written.memory.start();
        (written, snapshots.retiring())
    });
    setup.join().unwrap()
}

/// A reader restores the newest state up to `sequence` meanwhile, and reads on to the end: from one of
/// the states at `starts`, or, where `None` is among them, is told that it is retired.
fn restores_beside_the_third_snapshot(
    sequence: u64,
    starts: impl IntoIterator<Item = Option<u64>>,
) {
    explore_outcomes(Preemptions::Three, starts, move || {
        let (written, snapshots) = third_snapshot();
        let (memory, reader) = (written.memory.clone(), Arc::clone(&written.reader));
        let takes = spawn(move || {
            let taken = snapshots.take().unwrap();
            assert_eq!((taken.sequence, taken.segments_retired), (5, 2));
        });
        let restores = spawn(move || {
            let restored = reader.restore(0, AsOf::sequence(sequence), |_| Fold::default());
            let read = restored.and_then(|(state, mut cursor)| {
                let last = read_all(&mut cursor, &memory, state.last)?;
                Ok((state.last, last))
            });
            match read {
                Ok((start, last)) => {
                    assert_eq!(last, 5);
                    Some(start)
                }
                Err(ReadError::Retired { .. }) => None,
                Err(error) => panic!("{error}"),
            }
        });
        takes.join().unwrap();
        restores.join().unwrap()
    });
}

#[test]
fn a_reader_that_restores_beside_a_snapshot_and_its_retention_misses_nothing() {
    restores_beside_the_third_snapshot(u64::MAX, [Some(4), Some(5)]);
}

#[test]
fn a_reader_that_restores_a_moment_that_is_being_forgotten_has_it_or_is_told() {
    restores_beside_the_third_snapshot(2, [Some(0), Some(2), None]);
}
