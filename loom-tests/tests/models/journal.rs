//! The journal's writer beside a reader of its files, who knows no more than they tell.

use std::sync::Arc;

use ringlog::internal::{Exchange, Failed, Gate, Journaler, Signal};
use ringlog::journal::JournalReader;
use ringlog_loom_tests::{Memory, Preemptions, explore, explore_outcomes, spawn};

use crate::written::{Written, event, read_all};

/// Commits the groups `from` to `to` beside a reader who opens a cursor, and sees them or not.
fn a_reader_starts_while(from: u64, to: u64) {
    explore_outcomes(Preemptions::Unbounded, from - 1..=to, move || {
        let setup = spawn(move || {
            let written = Written::new(from - 1);
            written.memory.start();
            written
        });
        let mut written = setup.join().unwrap();
        let (memory, reader) = (written.memory.clone(), Arc::clone(&written.reader));
        let writes = spawn(move || {
            written.commit(from, to);
            written
        });
        let mut cursor = reader.cursor(0).unwrap();
        let seen = read_all(&mut cursor, &memory, 0).unwrap();
        writes.join().unwrap();
        seen
    });
}

#[test]
fn a_reader_that_starts_beside_the_first_group_reads_it_or_nothing() {
    a_reader_starts_while(1, 1);
}

#[test]
fn a_reader_that_starts_beside_the_second_group_reads_it_or_one() {
    a_reader_starts_while(2, 2);
}

#[test]
fn a_reader_that_starts_beside_a_roll_loses_nothing_at_the_boundary() {
    a_reader_starts_while(3, 3);
}

/// Commits the groups `from` to `to` beside a cursor that has read those in front of them.
fn a_cursor_looks_again_while(from: u64, to: u64) {
    explore_outcomes(Preemptions::Unbounded, from - 1..=to, move || {
        let setup = spawn(move || {
            let written = Written::new(from - 1);
            let mut cursor = written.reader.cursor(0).unwrap();
            let seen = read_all(&mut cursor, &written.memory, 0).unwrap();
            assert_eq!(seen, from - 1);
            written.memory.start();
            (written, cursor)
        });
        let (mut written, mut cursor) = setup.join().unwrap();
        let memory = written.memory.clone();
        let writes = spawn(move || {
            written.commit(from, to);
            written
        });
        cursor.refresh().unwrap();
        let seen = read_all(&mut cursor, &memory, from - 1).unwrap();
        let _written = writes.join().unwrap();
        cursor.refresh().unwrap();
        assert_eq!(read_all(&mut cursor, &memory, seen).unwrap(), to);
        seen
    });
}

#[test]
fn a_cursor_that_looks_again_beside_a_group_sees_it_then_or_afterwards() {
    a_cursor_looks_again_while(2, 2);
}

#[test]
fn a_cursor_that_looks_again_beside_a_roll_loses_and_doubles_nothing() {
    a_cursor_looks_again_while(3, 3);
}

/// It has its checksum in front, so that what was met cannot be believed; what the segments prove
/// themselves is read all the same.
#[test]
fn a_cursor_that_meets_half_a_control_word_sees_less_and_nothing_false() {
    explore(Preemptions::Unbounded, || {
        let setup = spawn(|| {
            let written = Written::new(2);
            let mut cursor = written.reader.cursor(0).unwrap();
            assert_eq!(read_all(&mut cursor, &written.memory, 0).unwrap(), 2);
            written.memory.tear_short_writes();
            written.memory.start();
            (written, cursor)
        });
        let (mut written, mut cursor) = setup.join().unwrap();
        let (memory, reader) = (written.memory.clone(), Arc::clone(&written.reader));
        let writes = spawn(move || {
            written.commit(3, 3);
            written
        });
        cursor.refresh().unwrap();
        let seen = read_all(&mut cursor, &memory, 2).unwrap();
        let mut starts = reader.cursor(0).unwrap();
        assert!(read_all(&mut starts, &memory, 0).unwrap() >= 1);
        let _written = writes.join().unwrap();
        cursor.refresh().unwrap();
        assert_eq!(read_all(&mut cursor, &memory, seen).unwrap(), 3);
    });
}

/// A journal with one group, and a journaler that finds a second one and the end.
fn a_second_group_is_handed_over(
    prepare: fn(&Memory),
) -> (Gate, Journaler, Arc<JournalReader>, Memory) {
    let setup = spawn(move || {
        let written = Written::new(1);
        prepare(&written.memory);
        written.memory.start();
        written
    });
    let written = setup.join().unwrap();
    let gate = Gate::new(&Signal::new());
    let exchange = Exchange::new();
    let journaler = Journaler::new(written.writer, &exchange, &gate);
    exchange.hand_over(event(2).settles(1));
    exchange.end();
    (gate, journaler, written.reader, written.memory)
}

#[test]
fn whoever_was_told_that_an_event_is_durable_finds_it_in_the_journal() {
    explore(Preemptions::Three, || {
        let (gate, journaler, reader, memory) = a_second_group_is_handed_over(|_| {});
        let journals = spawn(move || journaler.run());
        gate.wait_settled(1).unwrap();
        assert_eq!(gate.durable_sequence(), 2);
        let mut cursor = reader.cursor(0).unwrap();
        assert_eq!(read_all(&mut cursor, &memory, 0).unwrap(), 2);
        journals.join().unwrap();
    });
}

#[test]
fn a_group_that_cannot_be_written_fails_its_receipt_and_is_read_by_nobody() {
    explore(Preemptions::Unbounded, || {
        let (gate, journaler, reader, memory) =
            a_second_group_is_handed_over(Memory::fail_next_group);
        let journals = spawn(move || journaler.run());
        assert_eq!(gate.wait_settled(1), Err(Failed));
        assert!(gate.has_receipt_poison());
        let mut cursor = reader.cursor(0).unwrap();
        assert_eq!(read_all(&mut cursor, &memory, 0).unwrap(), 1);
        journals.join().unwrap();
    });
}
