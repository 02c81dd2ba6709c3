//! Segments that are retired and used again beside a reader of the journal.

use std::sync::Arc;

use ringlog::internal::Snapshotter;
use ringlog::journal::{Cursor, ReadError};
use ringlog::snapshot::AsOf;
use ringlog_loom_tests::{Memory, Preemptions, explore, spawn};

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
    explore(Preemptions::Three, || {
        let (mut written, _) = two_segments(2, 2);
        let (memory, reader) = (written.memory.clone(), Arc::clone(&written.reader));
        let goes_on = spawn(move || {
            go_on(&mut written);
            written
        });
        let seen = reader
            .cursor(0)
            .and_then(|mut cursor| everything(&mut cursor, &memory));
        match seen {
            Ok((first, last)) => assert!([1, 3].contains(&first) && last >= 4, "{first} {last}"),
            Err(ReadError::Retired { earliest, .. }) => assert_eq!(earliest, 3),
            Err(error) => panic!("{error}"),
        }
        goes_on.join().unwrap();
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
    explore(Preemptions::Three, || {
        let (mut written, mut cursor) = two_segments(2, 1);
        let memory = written.memory.clone();
        let goes_on = spawn(move || {
            go_on(&mut written);
            written
        });
        let seen = cursor
            .refresh()
            .and_then(|()| read_all(&mut cursor, &memory, 1));
        match seen {
            Ok(last) => assert!(last >= 4),
            Err(ReadError::Retired { earliest, .. }) => assert_eq!(earliest, 3),
            Err(error) => panic!("{error}"),
        }
        goes_on.join().unwrap();
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

/// A reader restores the newest state up to `sequence` meanwhile, and reads on.
fn restores_beside_the_third_snapshot(
    sequence: u64,
    is_allowed: impl Fn(Result<(u64, u64), ReadError>) -> bool + Copy + Send + Sync + 'static,
) {
    explore(Preemptions::Three, move || {
        let (written, snapshots) = third_snapshot();
        let (memory, reader) = (written.memory.clone(), Arc::clone(&written.reader));
        let takes = spawn(move || {
            let taken = snapshots.take().unwrap();
            assert_eq!((taken.sequence, taken.segments_retired), (5, 2));
        });
        let restores = spawn(move || {
            let as_of = AsOf {
                sequence,
                ..AsOf::LATEST
            };
            let restored = reader.restore(0, as_of, |_| Fold::default());
            let read = restored.and_then(|(state, mut cursor)| {
                let last = read_all(&mut cursor, &memory, state.last)?;
                Ok((state.last, last))
            });
            let said = format!("{read:?}");
            assert!(is_allowed(read), "{said}");
        });
        takes.join().unwrap();
        restores.join().unwrap();
    });
}

#[test]
fn a_reader_that_restores_beside_a_snapshot_and_its_retention_misses_nothing() {
    restores_beside_the_third_snapshot(u64::MAX, |read| matches!(read, Ok((4 | 5, 5))));
}

#[test]
fn a_reader_that_restores_a_moment_that_is_being_forgotten_has_it_or_is_told() {
    restores_beside_the_third_snapshot(2, |read| {
        matches!(read, Ok((0 | 2, 5)) | Err(ReadError::Retired { .. }))
    });
}
