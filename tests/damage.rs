//! Damaged files: a torn tail is set aside, anything else is refused with its place.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use ringlog::journal::{JournalReader, ReadError};
use ringlog::{OpenError, Pipeline};
use support::{Counters, added, open, segments};

/// A journal with one partition and a few groups, closed cleanly; returns its only segment.
fn journal(directory: &Path) -> PathBuf {
    let pipeline = open(directory, 1);
    let publisher = pipeline.publisher();
    for amount in 1..=20 {
        publisher
            .publish(&added(1, amount))
            .unwrap()
            .wait()
            .unwrap();
    }
    pipeline.close().unwrap();
    segments(directory).pop().unwrap()
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn forget_control_word(directory: &Path) {
    fs::remove_file(directory.join("partition-0000/control")).unwrap();
}

fn try_open(directory: &Path) -> Result<Pipeline<Counters>, OpenError> {
    Pipeline::<Counters>::builder(directory).open(|_| Counters::default())
}

fn events(directory: &Path) -> u64 {
    let pipeline = open(directory, 1);
    let count = pipeline
        .read(1, |state| state.sequences.len() as u64)
        .unwrap();
    pipeline.close().unwrap();
    count
}

#[test]
fn a_flipped_bit_in_a_group_is_corruption_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let segment = journal(directory.path());
    // Groups take a block each here: the header block, then group 1 with sequence 1, and so on.
    edit(&segment, |bytes| bytes[3 * 4096 + 100] ^= 4);
    let error = try_open(directory.path()).unwrap_err();
    let OpenError::Journal(ReadError::Corruption(corruption)) = &error else {
        panic!("{error}")
    };
    assert_eq!((corruption.partition, corruption.position), (0, 3 * 4096));
    assert_eq!((corruption.last_known, corruption.first_lost), (2, 3));
    // Refused is refused: nothing was changed, also for the second one who tries.
    assert!(try_open(directory.path()).is_err());
    // A reader gets what precedes the damage, and then the same error.
    let reader = JournalReader::open(directory.path()).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    assert_eq!(cursor.next_event().unwrap().unwrap().meta.sequence, 1);
    assert_eq!(cursor.next_event().unwrap().unwrap().meta.sequence, 2);
    assert!(cursor.next_event().unwrap_err().is_corruption());
}

#[test]
fn a_reader_without_a_control_word_meets_the_damage_too() {
    let directory = tempfile::tempdir().unwrap();
    let segment = journal(directory.path());
    forget_control_word(directory.path());
    // What precedes it does not witness the damaged group or the one in front of it.
    edit(&segment, |bytes| bytes[10 * 4096..11 * 4096].fill(0));
    let reader = JournalReader::open(directory.path()).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    for sequence in 1..=9 {
        assert_eq!(
            cursor.next_event().unwrap().unwrap().meta.sequence,
            sequence
        );
    }
    assert!(cursor.next_event().unwrap_err().is_corruption());
}

#[test]
fn every_block_of_the_journal_that_turns_to_zeros_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let segment = journal(directory.path());
    let blocks = fs::metadata(&segment).unwrap().len() / 4096;
    // The last block is the closing witness: it holds no event, and the control word knows of it.
    for block in 0..blocks {
        edit(&segment, |bytes| {
            let block = block as usize * 4096;
            bytes[block..block + 4096].fill(0);
        });
        let error = try_open(directory.path()).unwrap_err();
        let corrupt = matches!(&error, OpenError::Journal(error) if error.is_corruption());
        assert!(corrupt, "block {block}: {error}");
        // Put it right again, from a second journal of the same content? Simpler: start over.
        fs::remove_dir_all(directory.path()).unwrap();
        journal(directory.path());
    }
}

#[test]
fn a_cursor_that_goes_on_inside_a_segment_whose_header_is_damaged_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let segment = journal(directory.path());
    let reader = JournalReader::open(directory.path()).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    for _ in 0..5 {
        cursor.next_event().unwrap().unwrap();
    }
    cursor.store("audit").unwrap();
    edit(&segment, |bytes| bytes[2] ^= 1);
    // Nothing but the segment itself says that groups follow the mark.
    forget_control_word(directory.path());
    let mut cursor = reader.named_cursor(0, "audit").unwrap();
    for _ in 0..2 {
        let refused = cursor.next_event().unwrap_err();
        assert!(refused.is_corruption(), "{refused}");
    }
}

#[test]
fn a_lost_segment_is_corruption() {
    let directory = tempfile::tempdir().unwrap();
    let segment = journal(directory.path());
    fs::remove_file(segment).unwrap();
    let error = try_open(directory.path()).unwrap_err();
    assert!(
        matches!(&error, OpenError::Journal(error) if error.is_corruption()),
        "{error}"
    );
}

#[test]
fn garbage_behind_the_last_group_is_set_aside_and_reported_once() {
    let directory = tempfile::tempdir().unwrap();
    let segment = journal(directory.path());
    let sound = fs::metadata(&segment).unwrap().len();
    edit(&segment, |bytes| bytes.extend_from_slice(&[0x5a; 6000]));
    let report = JournalReader::open(directory.path())
        .unwrap()
        .verify(|_| Ok(()))
        .unwrap();
    let torn = report.partitions[0].torn_tail.clone().unwrap();
    assert_eq!((torn.position, torn.bytes), (sound, 6000));

    let pipeline = try_open(directory.path()).unwrap();
    assert_eq!(
        pipeline.start_report().partitions[0].torn_tail.as_ref(),
        Some(&torn)
    );
    assert_eq!(pipeline.read(1, |state| state.sequences.len()).unwrap(), 20);
    pipeline
        .publisher()
        .publish(&added(1, 21))
        .unwrap()
        .wait()
        .unwrap();
    pipeline.close().unwrap();
    let quarantined: Vec<_> = fs::read_dir(directory.path().join("quarantine"))
        .unwrap()
        .flatten()
        .collect();
    assert_eq!(quarantined.len(), 1);
    let bytes = fs::read(quarantined[0].path()).unwrap();
    assert_eq!(bytes, vec![0x5a; 6000]);

    // It stays where it was, superseded: the next opening and the next check find nothing.
    let pipeline = try_open(directory.path()).unwrap();
    assert!(pipeline.start_report().partitions[0].torn_tail.is_none());
    pipeline.close().unwrap();
    let report = JournalReader::open(directory.path())
        .unwrap()
        .verify(|_| Ok(()))
        .unwrap();
    assert!(report.partitions[0].torn_tail.is_none() && report.partitions[0].error.is_none());
    assert_eq!(report.partitions[0].events, 21);
}

#[test]
fn a_truncated_last_group_without_a_witness_is_a_torn_tail_and_with_one_it_is_corruption() {
    for witnessed in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let segment = journal(directory.path());
        // Cut the closing witness away and tear the last group with an event, as a power cut in
        // the middle of its write does.
        edit(&segment, |bytes| {
            let end = bytes.len() - 4096;
            bytes.truncate(end);
            bytes[end - 4096 + 80..].fill(0);
        });
        if witnessed {
            let error = try_open(directory.path()).unwrap_err();
            assert!(matches!(&error, OpenError::Journal(error) if error.is_corruption()));
        } else {
            forget_control_word(directory.path());
            let pipeline = try_open(directory.path()).unwrap();
            assert!(pipeline.start_report().partitions[0].torn_tail.is_some());
            assert_eq!(pipeline.read(1, |state| state.sequences.len()).unwrap(), 19);
        }
    }
}

#[test]
fn a_sound_tail_that_no_witness_covers_is_kept_and_copied_to_a_segment_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let segment = journal(directory.path());
    edit(&segment, |bytes| bytes.truncate(bytes.len() - 4096));
    forget_control_word(directory.path());
    assert_eq!(events(directory.path()), 20);
    let after = segments(directory.path());
    assert_eq!(after.len(), 2, "{after:?}");
    // Opening again, and again without the control word, changes nothing.
    assert_eq!(events(directory.path()), 20);
    forget_control_word(directory.path());
    assert_eq!(events(directory.path()), 20);
    assert_eq!(segments(directory.path()), after);
    // Damage in the superseded bytes of the first segment matters no more.
    edit(&segment, |bytes| {
        let end = bytes.len();
        bytes[end - 4096 + 100] ^= 1;
    });
    assert_eq!(events(directory.path()), 20);
}

#[test]
fn a_whole_segment_of_another_partition_or_journal_is_refused() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (our_segment, their_segment) = (journal(ours.path()), journal(theirs.path()));
    fs::copy(their_segment, our_segment).unwrap();
    let error = try_open(ours.path()).unwrap_err();
    assert!(
        matches!(&error, OpenError::Journal(error) if error.is_corruption()),
        "{error}"
    );
}

#[test]
fn a_first_group_torn_right_after_a_roll_is_a_torn_tail() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    pipeline
        .publisher()
        .publish(&added(1, 1))
        .unwrap()
        .wait()
        .unwrap();
    pipeline.close().unwrap();
    forget_control_word(directory.path());
    edit(&segments(directory.path())[0], |bytes| {
        bytes.truncate(8192);
        bytes[4096 + 100] ^= 4;
    });
    let pipeline = open(directory.path(), 1);
    let torn = pipeline.start_report().partitions[0]
        .torn_tail
        .clone()
        .unwrap();
    assert_eq!(torn.position, 4096);
    pipeline
        .publisher()
        .publish(&added(1, 1))
        .unwrap()
        .wait()
        .unwrap();
    pipeline.close().unwrap();
    assert_eq!(events(directory.path()), 1);
}

#[test]
fn every_later_group_is_evidence_also_where_the_kernel_chose_the_order() {
    // The first group behind the damage witnesses nothing; the closing one witnesses it all.
    let directory = tempfile::tempdir().unwrap();
    let open_buffered = || {
        Pipeline::<Counters>::builder(directory.path())
            .durability(ringlog::Durability::OsBuffer)
            .open(|_| Counters::default())
    };
    let pipeline = open_buffered().unwrap();
    let publisher = pipeline.publisher();
    for amount in 1..=20 {
        publisher
            .publish(&added(1, amount))
            .unwrap()
            .wait()
            .unwrap();
    }
    pipeline.close().unwrap();
    forget_control_word(directory.path());
    edit(&segments(directory.path())[0], |bytes| {
        bytes[3 * 4096 + 100] ^= 4
    });
    let error = open_buffered().unwrap_err();
    assert!(
        matches!(&error, OpenError::Journal(error) if error.is_corruption()),
        "{error}"
    );
}

#[test]
fn a_missing_partition_folder_is_corruption_for_writers_and_readers() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path(), 2).close().unwrap();
    fs::remove_dir_all(directory.path().join("partition-0001")).unwrap();
    let error = Pipeline::<Counters>::builder(directory.path())
        .partitions(2)
        .open(|_| Counters::default());
    assert!(error.is_err());
    let error = JournalReader::open(directory.path())
        .unwrap()
        .cursor(1)
        .unwrap_err();
    assert!(error.is_corruption(), "{error}");
}

#[test]
fn a_file_that_only_looks_like_a_segment_is_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path(), 1).close().unwrap();
    let name = "partition-0000/00000000000000000000-00000000000000000000.seg";
    fs::write(directory.path().join(name), b"x").unwrap();
    assert_eq!(events(directory.path()), 0);
}
