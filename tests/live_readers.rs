//! Reading a journal beside its writer.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's"
)]

mod support;

use std::time::Duration;

use ringlog::journal::JournalReader;
use ringlog::{Durability, Pipeline};
use support::{Counters, added, open};

#[test]
fn a_cursor_that_is_refreshed_sees_every_event_that_became_durable() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    // Long enough for a prepared segment: what is read ahead of the writer are then zeros.
    std::thread::sleep(Duration::from_millis(100));
    let publisher = pipeline.publisher();
    publisher.publish(&added(1, 1)).unwrap().wait().unwrap();
    let reader = JournalReader::open(directory.path()).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    for amount in 1..=300 {
        let event = cursor.next_event().unwrap().expect("the event is durable");
        assert_eq!(event.meta.sequence, amount);
        assert!(cursor.next_event().unwrap().is_none());
        publisher
            .publish(&added(1, amount))
            .unwrap()
            .wait()
            .unwrap();
        cursor.refresh().unwrap();
    }
}

#[test]
fn a_cursor_that_is_refreshed_in_the_middle_of_a_group_goes_on_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let publisher = pipeline.publisher();
    // While the first group is written the others gather in the next ones.
    for amount in 1..=1000 {
        publisher.publish(&added(1, amount)).unwrap();
    }
    publisher.publish(&added(1, 1)).unwrap().wait().unwrap();
    let groups = pipeline.stats()[0].groups;
    assert!(groups < 1001, "{groups} groups of one event each");
    let reader = JournalReader::open(directory.path()).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    for sequence in 1..=1001 {
        let event = cursor.next_event().unwrap().expect("the event is durable");
        assert_eq!(event.meta.sequence, sequence);
        cursor.refresh().unwrap();
    }
    publisher.publish(&added(1, 1)).unwrap().wait().unwrap();
    assert!(cursor.next_event().unwrap().is_none());
    cursor.refresh().unwrap();
    assert!(cursor.next_event().unwrap().is_some());
}

#[test]
fn a_reader_never_sees_more_than_the_writer_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let publisher = pipeline.publisher();
    let writer = std::thread::spawn(move || {
        for amount in 0..50_000 {
            publisher.publish(&added(1, amount)).unwrap();
        }
    });
    let reader = JournalReader::open(directory.path()).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    let mut seen = 0;
    while !writer.is_finished() {
        while let Some(event) = cursor.next_event().unwrap() {
            seen += 1;
            assert_eq!(event.meta.sequence, seen);
        }
        assert!(seen <= pipeline.stats()[0].durable_sequence);
        let report = reader.verify(|_| Ok(())).unwrap();
        assert!(report.has_writer);
        let check = &report.partitions[0];
        assert!(
            check.error.is_none() && check.torn_tail.is_none(),
            "{check:?}"
        );
        cursor.refresh().unwrap();
    }
    writer.join().unwrap();
}

#[test]
fn a_reader_goes_on_across_a_reopening_that_copied_the_tail_under_it() {
    let directory = tempfile::tempdir().unwrap();
    let open_buffered = || {
        Pipeline::<Counters>::builder(directory.path())
            .durability(Durability::OsBuffer)
            .open(|_| Counters::default())
            .unwrap()
    };
    let pipeline = open_buffered();
    let publisher = pipeline.publisher();
    for amount in 1..=10 {
        publisher
            .publish(&added(1, amount))
            .unwrap()
            .wait()
            .unwrap();
    }
    let reader = JournalReader::open(directory.path()).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    for sequence in 1..=10 {
        assert_eq!(
            cursor.next_event().unwrap().unwrap().meta.sequence,
            sequence
        );
    }
    // What a kill leaves: groups that nothing witnesses as synced. The close's witness and control
    // word are taken away again.
    let control = directory.path().join("partition-0000/control");
    pipeline.close().unwrap();
    let segment = support::segments(directory.path()).pop().unwrap();
    let bytes = std::fs::read(&segment).unwrap();
    std::fs::write(&segment, &bytes[..bytes.len() - 4096]).unwrap();
    std::fs::remove_file(control).unwrap();
    let pipeline = open_buffered();
    pipeline
        .publisher()
        .publish(&added(1, 11))
        .unwrap()
        .wait()
        .unwrap();
    cursor.refresh().unwrap();
    assert_eq!(cursor.next_event().unwrap().unwrap().meta.sequence, 11);
    assert!(cursor.next_event().unwrap().is_none());
}
