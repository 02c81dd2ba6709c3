//! The journal's writer beside a reader of its files, who knows no more than they tell.

use ringlog::internal::{Group, Journal, PATH, Preparer, Writer};
use ringlog::journal::{Cursor, JournalReader, ReadError};
use ringlog_loom_tests::{Memory, Preemptions, explore, spawn};

/// A group of one event, which carries its own sequence.
fn event(sequence: u64) -> Group {
    Group::of_event(&sequence.to_le_bytes())
}

/// A journal with the groups 1 to `groups`.
struct Written {
    memory: Memory,
    writer: Writer,
    cursor: Cursor,
    reader: JournalReader,
    _open: (Journal, Preparer),
}

fn written(groups: u64) -> Written {
    let write = move || {
        let memory = Memory::new();
        let journal = Journal::open(memory.clone(), 3);
        let preparer = journal.preparer();
        let mut writer = journal.writer(&preparer, true);
        assert!((1..=groups).all(|sequence| writer.commit(event(sequence))));
        let reader = JournalReader::open_in(memory.clone(), PATH).unwrap();
        let mut cursor = reader.cursor(0).unwrap();
        read_all(&mut cursor, &memory, 0).unwrap();
        memory.start();
        Written {
            memory,
            writer,
            cursor,
            reader,
            _open: (journal, preparer),
        }
    };
    spawn(write).join().unwrap()
}

/// Reads what there is behind `after`, in order, and asserts that each event is durable.
fn read_all(cursor: &mut Cursor, memory: &Memory, after: u64) -> Result<u64, ReadError> {
    let mut last = after;
    while let Some(event) = cursor.next_event()? {
        assert_eq!(event.meta.sequence, last + 1);
        assert_eq!(event.body, event.meta.sequence.to_le_bytes());
        last += 1;
        assert!(last <= memory.durable_sequence(), "{last} is not durable");
    }
    Ok(last)
}

/// Commits the groups `from` to `to` beside a reader who opens a cursor.
fn a_reader_starts_while(from: u64, to: u64) {
    explore(Preemptions::Three, move || {
        let Written {
            memory,
            mut writer,
            reader,
            ..
        } = written(from - 1);
        let writes = spawn(move || {
            assert!((from..=to).all(|sequence| writer.commit(event(sequence))));
        });
        let mut cursor = reader.cursor(0).unwrap();
        let seen = read_all(&mut cursor, &memory, 0).unwrap();
        assert!((from - 1..=to).contains(&seen));
        writes.join().unwrap();
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
