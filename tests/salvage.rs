//! Salvage: a cursor goes on behind damage, and says exactly what it passed over.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's"
)]

#[path = "support/damaged.rs"]
mod damaged;
mod support;

use std::fs;

use damaged::{BLOCK, edit, flip, forget_control_word, journal, readable, salvaged, zero};
use ringlog::journal::JournalReader;
use support::{added, open};

/// The gaps as pairs; both ends included.
fn lost(directory: &std::path::Path) -> Vec<(u64, Option<u64>)> {
    let (sequences, gaps) = salvaged(directory);
    // What is read and what is named as lost are all there is, each once and in order.
    assert!(sequences.is_sorted_by(|one, next| one < next));
    for gap in &gaps {
        let is_lost = |sequence: u64| {
            sequence >= gap.first_lost && gap.lost_up_to.is_none_or(|last| sequence <= last)
        };
        assert!(!sequences.iter().any(|sequence| is_lost(*sequence)));
    }
    let known: u64 = gaps.iter().filter_map(ringlog::journal::Gap::events).sum();
    if gaps.iter().all(|gap| gap.lost_up_to.is_some()) {
        assert_eq!(sequences.len() as u64 + known, *sequences.last().unwrap());
    }
    gaps.iter()
        .map(|gap| (gap.first_lost, gap.lost_up_to))
        .collect()
}

#[test]
fn several_damages_in_one_journal_are_passed_over_one_by_one() {
    let directory = tempfile::tempdir().unwrap();
    let segments = journal(directory.path(), 4);
    // In the middle of the first segment, twice; a whole segment; and at the start of the last.
    flip(&segments[0], 3);
    zero(&segments[0], 7..9);
    fs::remove_file(&segments[2]).unwrap();
    flip(&segments[3], 1);
    assert_eq!(readable(directory.path()), (vec![1, 2], true));
    assert_eq!(
        lost(directory.path()),
        [(3, Some(3)), (7, Some(8)), (21, Some(31))]
    );
}

#[test]
fn the_same_error_comes_back_until_the_damage_is_skipped() {
    let directory = tempfile::tempdir().unwrap();
    let segments = journal(directory.path(), 2);
    flip(&segments[1], 4);
    let reader = JournalReader::open(directory.path()).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    assert_eq!(cursor.skip_damage().unwrap(), None);
    for sequence in 1..=13 {
        let event = cursor.next_event().unwrap().unwrap();
        assert_eq!(event.meta.sequence, sequence);
    }
    let first = cursor.next_event().unwrap_err().to_string();
    assert_eq!(cursor.next_event().unwrap_err().to_string(), first);
    let gap = cursor.skip_damage().unwrap().unwrap();
    assert_eq!((gap.first_lost, gap.lost_up_to), (14, Some(14)));
    assert_eq!(gap.to_string(), "partition 0: event 14 was lost");
    assert_eq!(cursor.skip_damage().unwrap(), None);
    assert_eq!(cursor.next_event().unwrap().unwrap().meta.sequence, 15);
}

#[test]
fn a_damaged_segment_header_costs_no_event_where_the_first_group_tells_the_salt() {
    for segment in 0..3 {
        let directory = tempfile::tempdir().unwrap();
        let segments = journal(directory.path(), 3);
        zero(&segments[segment], 0..1);
        let before = segment as u64 * 10;
        assert_eq!(
            readable(directory.path()),
            ((1..=before).collect(), true),
            "what precedes the damage is readable"
        );
        let (sequences, gaps) = salvaged(directory.path());
        assert_eq!(sequences, (1..=30).collect::<Vec<_>>());
        assert_eq!(gaps.len(), 1);
        assert_eq!(gaps[0].events(), Some(0));
        // With the first group gone too, nothing says which bytes are this segment's.
        flip(&segments[segment], 1);
        let end = (segment < 2).then_some(before + 10);
        assert_eq!(lost(directory.path()), [(before + 1, end)]);
    }
}

#[test]
fn a_missing_first_segment_is_a_gap_from_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let segments = journal(directory.path(), 3);
    fs::remove_file(&segments[0]).unwrap();
    assert_eq!(readable(directory.path()), (vec![], true));
    assert_eq!(lost(directory.path()), [(1, Some(10))]);
}

#[test]
fn damage_without_anything_sound_behind_it_is_a_gap_without_an_end() {
    let directory = tempfile::tempdir().unwrap();
    let segments = journal(directory.path(), 2);
    // The control word is the only witness of the rest.
    edit(&segments[1], |bytes| bytes.truncate(6 * BLOCK));
    assert_eq!(lost(directory.path()), [(16, None)]);
    fs::remove_file(&segments[1]).unwrap();
    assert_eq!(lost(directory.path()), [(11, None)]);
    fs::remove_file(&segments[0]).unwrap();
    assert_eq!(salvaged(directory.path()).0, Vec::<u64>::new());
    assert_eq!(salvaged(directory.path()).1.len(), 1);
}

#[test]
fn a_segment_of_another_journal_is_not_salvaged() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (our_segments, their_segments) = (journal(ours.path(), 3), journal(theirs.path(), 3));
    fs::copy(&their_segments[1], &our_segments[1]).unwrap();
    assert_eq!(lost(ours.path()), [(11, Some(20))]);
}

#[test]
fn damage_in_superseded_bytes_is_no_damage() {
    let directory = tempfile::tempdir().unwrap();
    let segments = journal(directory.path(), 1);
    // Without witnesses the last groups are copied to a fresh segment by the next opening.
    edit(&segments[0], |bytes| bytes.truncate(bytes.len() - BLOCK));
    forget_control_word(directory.path());
    open(directory.path(), 1).close().unwrap();
    flip(&segments[0], 10);
    assert_eq!(lost(directory.path()), []);
    assert_eq!(readable(directory.path()).0, (1..=10).collect::<Vec<_>>());
}

#[test]
fn salvage_beside_a_running_writer_stops_at_what_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let segments = journal(directory.path(), 2);
    let pipeline = open(directory.path(), 1);
    flip(&segments[0], 5);
    let publisher = pipeline.publisher();
    publisher.publish(&added(1, 1)).unwrap().wait().unwrap();
    assert_eq!(lost(directory.path()), [(5, Some(5))]);
    let reader = JournalReader::open(directory.path()).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    while cursor.next_event().is_ok() {}
    cursor.skip_damage().unwrap().unwrap();
    while cursor.next_event().unwrap().is_some() {}
    publisher.publish(&added(1, 1)).unwrap().wait().unwrap();
    cursor.refresh().unwrap();
    assert_eq!(cursor.next_event().unwrap().unwrap().meta.sequence, 22);
    pipeline.close().unwrap();
}

/// Every single block of a journal, damaged in turn: nothing is lost but what lies in it.
#[test]
fn each_damaged_block_costs_at_most_its_own_event() {
    let directory = tempfile::tempdir().unwrap();
    let segments = journal(directory.path(), 2);
    for (segment, path) in (0..).zip(&segments) {
        let good = fs::read(path).unwrap();
        for block in 0..good.len() / BLOCK {
            edit(path, |bytes| bytes[block * BLOCK + 20] ^= 1);
            let event = segment * 10 + block as u64;
            let is_event = (1..=10).contains(&block);
            let expected: Vec<u64> = (1..=20)
                .filter(|sequence| !is_event || *sequence != event)
                .collect();
            let (sequences, gaps) = salvaged(directory.path());
            assert_eq!(sequences, expected, "segment {segment}, block {block}");
            assert_eq!(gaps.len(), 1, "segment {segment}, block {block}: {gaps:?}");
            fs::write(path, &good).unwrap();
        }
    }
}
