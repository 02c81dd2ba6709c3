//! Snapshots and retention: opening replays the tail only, and nothing that counts is forgotten.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use ringlog::journal::{JournalReader, ReadError, Repair};
use ringlog::snapshot::{AsOf, Retention};
use ringlog::{Builder, OpenError, Pipeline, State};
use support::sums::Sums;
use support::{CounterEvent, added, noted, segments};

const RETIRING: Retention = Retention::FromOldestSnapshot { cursor_lag_max: 0 };

fn builder(path: &Path) -> Builder {
    Pipeline::<Sums<1>>::builder(path)
}

fn open(builder: Builder) -> Pipeline<Sums<1>> {
    builder.open(|_| Sums::<1>::default()).unwrap()
}

/// Publishes additions through a source, and waits for them.
fn fill(pipeline: &Pipeline<Sums<1>>, numbers: std::ops::RangeInclusive<u64>) {
    let source = pipeline.source("feed").unwrap();
    for number in numbers.clone() {
        let receipt = source.publish(number, &added(number % 7, number)).unwrap();
        if number == *numbers.end() {
            receipt.wait().unwrap();
        }
    }
}

/// Publishes notes, which make the journal long and do not change the sums, and waits for them.
fn publish_long(pipeline: &Pipeline<Sums<1>>, notes: u64) {
    let publisher = pipeline.publisher();
    for note in 0..notes {
        let receipt = publisher
            .publish(&noted(note % 7, "n".repeat(30_000)))
            .unwrap();
        if note + 1 == notes {
            receipt.wait().unwrap();
        }
    }
}

fn state(pipeline: &Pipeline<Sums<1>>) -> Sums<1> {
    pipeline.read_partition(0, Sums::clone).unwrap()
}

fn snapshots(directory: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(directory.join("partition-0000"))
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "snap")
        })
        .collect();
    found.sort();
    found
}

#[test]
fn opening_replays_only_what_lies_behind_the_newest_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(builder(directory.path()));
    fill(&pipeline, 1..=1000);
    let taken = pipeline.snapshot().unwrap();
    assert_eq!(taken[0].sequence, 1000);
    fill(&pipeline, 1001..=1010);
    let before = state(&pipeline);
    pipeline.close().unwrap();
    assert_eq!(snapshots(directory.path()).len(), 1);

    let pipeline = open(builder(directory.path()));
    let start = &pipeline.start_report().partitions[0];
    assert_eq!(start.snapshot_sequence, Some(1000));
    assert_eq!(start.last_sequence, 1010);
    assert!(start.bytes <= 16 * 4096, "{} bytes replayed", start.bytes);
    assert_eq!(state(&pipeline), before);
    // What the table of sources knew is known: a number that was seen is a duplicate.
    let source = pipeline.source("feed").unwrap();
    source.publish(1005, &added(1, 1)).unwrap().wait().unwrap();
    source.publish(1011, &added(1, 1)).unwrap().wait().unwrap();
    assert_eq!(state(&pipeline).last_sequence, 1011);
    drop(source);
    pipeline.close().unwrap();
}

#[test]
fn segments_below_the_oldest_kept_snapshot_are_retired_and_nothing_that_counts_is_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(builder(directory.path()).retention(RETIRING));
    fill(&pipeline, 1..=100);
    for round in 0..6 {
        publish_long(&pipeline, 300);
        fill(&pipeline, 101 + round * 10..=110 + round * 10);
        pipeline.snapshot().unwrap();
        assert!(snapshots(directory.path()).len() <= 2);
    }
    let before = state(&pipeline);
    pipeline.close().unwrap();

    let reader = JournalReader::open(directory.path()).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    let earliest = cursor.next_event().unwrap().unwrap().meta.sequence;
    assert!(earliest > 1000, "retired up to {earliest}");
    let error = reader.cursor_after(0, 17).unwrap_err();
    assert!(
        matches!(error, ReadError::Retired { partition: 0, earliest: known } if known == earliest),
        "{error}"
    );
    let (mut restored, mut cursor) = reader
        .restore(0, AsOf::LATEST, |_| Sums::<1>::default())
        .unwrap();
    while let Some(event) = cursor.next_event().unwrap() {
        let mut viewer = ringlog::Viewer::default();
        restored.apply(
            event.view::<CounterEvent>(&mut viewer).unwrap(),
            &event.meta,
        );
    }
    assert_eq!(restored, before);
    // Counts over the whole past, also of what is gone.
    assert_eq!(cursor.totals().by_type(), [((1, 1), 160), ((2, 1), 1800)]);
    assert_eq!(cursor.sources()["feed"].last_number, 160);
    assert!(
        reader.verify(|_| Ok(())).unwrap().partitions[0]
            .error
            .is_none()
    );

    let pipeline = open(builder(directory.path()).retention(RETIRING));
    assert_eq!(state(&pipeline), before);
    let source = pipeline.source("feed").unwrap();
    source.publish(3, &added(1, 1)).unwrap().wait().unwrap();
    assert_eq!(pipeline.stats()[0].duplicates, 1);
    assert_eq!(state(&pipeline), before);
    drop(source);
    pipeline.close().unwrap();
}

#[test]
fn an_unreadable_snapshot_falls_back_to_the_one_before_it_and_then_to_the_whole_history() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(builder(directory.path()));
    fill(&pipeline, 1..=100);
    pipeline.snapshot().unwrap();
    fill(&pipeline, 101..=200);
    pipeline.snapshot().unwrap();
    fill(&pipeline, 201..=300);
    let before = state(&pipeline);
    pipeline.close().unwrap();

    for (damaged, starts_at) in [(1, Some(100)), (0, None)] {
        let path = &snapshots(directory.path())[damaged];
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() - 20;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
        let pipeline = open(builder(directory.path()));
        let start = pipeline.start_report().partitions[0].clone();
        assert_eq!(start.snapshot_sequence, starts_at);
        assert_eq!(start.rejected_snapshots.len(), 2 - damaged);
        assert!(start.rejected_snapshots[0].reason.contains("checksum"));
        assert_eq!(state(&pipeline), before);
        pipeline.close().unwrap();
    }
}

#[test]
fn a_snapshot_of_other_logic_is_passed_over_while_the_whole_history_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(builder(directory.path()));
    fill(&pipeline, 1..=100);
    pipeline.snapshot().unwrap();
    let before = state(&pipeline);
    pipeline.close().unwrap();

    let pipeline = Pipeline::<Sums<2>>::builder(directory.path())
        .open(|_| Sums::<2>::default())
        .unwrap();
    let start = &pipeline.start_report().partitions[0];
    assert_eq!(start.snapshot_sequence, None);
    assert!(start.rejected_snapshots[0].reason.contains("version 1"));
    let replayed = pipeline.read_partition(0, |state| state.sums.clone());
    assert_eq!(replayed.unwrap(), before.sums);
}

#[test]
fn without_a_usable_snapshot_a_shortened_history_is_refused_and_nothing_is_changed() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(builder(directory.path()).retention(RETIRING));
    for _ in 0..4 {
        publish_long(&pipeline, 300);
        pipeline.snapshot().unwrap();
    }
    pipeline.close().unwrap();
    let refused = Pipeline::<Sums<2>>::builder(directory.path())
        .open(|_| Sums::<2>::default())
        .unwrap_err();
    let OpenError::NoUsableSnapshot {
        partition: 0,
        earliest,
        rejected,
    } = refused
    else {
        panic!("{refused}")
    };
    assert!(earliest > 1);
    assert_eq!(rejected.len(), 2);
    // The right program still opens it.
    let pipeline = open(builder(directory.path()));
    assert_eq!(state(&pipeline).last_sequence, 1200);
    pipeline.close().unwrap();
}

#[test]
fn a_missing_first_segment_that_no_snapshot_covers_is_corruption() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(builder(directory.path()));
    publish_long(&pipeline, 300);
    pipeline.close().unwrap();
    let pipeline = open(builder(directory.path()));
    publish_long(&pipeline, 10);
    pipeline.close().unwrap();
    fs::remove_file(&segments(directory.path())[0]).unwrap();
    let refused = builder(directory.path()).open(|_| Sums::<1>::default());
    let corrupt = matches!(&refused, Err(OpenError::Journal(error)) if error.is_corruption());
    assert!(corrupt, "{refused:?}");
}

#[test]
fn a_cursor_that_is_stored_in_front_of_everything_goes_on_with_everything() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(builder(directory.path()));
    fill(&pipeline, 1..=20);
    pipeline.close().unwrap();
    let reader = JournalReader::open(directory.path()).unwrap();
    for handled in 0..3 {
        let mut cursor = reader.cursor(0).unwrap();
        for _ in 0..handled {
            cursor.next_event().unwrap().unwrap();
        }
        cursor.store("early").unwrap();
        let mut cursor = reader.named_cursor(0, "early").unwrap();
        for sequence in handled + 1..=20 {
            assert_eq!(
                cursor.next_event().unwrap().unwrap().meta.sequence,
                sequence
            );
        }
        assert!(cursor.next_event().unwrap().is_none());
    }
}

#[test]
fn a_named_cursor_goes_on_where_it_was_and_holds_retention_back_within_its_lag() {
    let directory = tempfile::tempdir().unwrap();
    let patient = Retention::FromOldestSnapshot {
        cursor_lag_max: 100_000,
    };
    let pipeline = open(builder(directory.path()).retention(patient));
    publish_long(&pipeline, 200);
    let reader = JournalReader::open(directory.path()).unwrap();
    let mut cursor = reader.named_cursor(0, "billing").unwrap();
    for _ in 0..150 {
        cursor.next_event().unwrap().unwrap();
    }
    cursor.store("billing").unwrap();
    for _ in 0..4 {
        publish_long(&pipeline, 300);
        pipeline.snapshot().unwrap();
    }
    let mut cursor = reader.named_cursor(0, "billing").unwrap();
    let mut expected = 151;
    while let Some(event) = cursor.next_event().unwrap() {
        assert_eq!(event.meta.sequence, expected);
        expected += 1;
    }
    assert_eq!(expected, 1401);
    pipeline.close().unwrap();

    // Another policy has no patience: the cursor is expired, and told so.
    let pipeline = open(builder(directory.path()).retention(RETIRING));
    publish_long(&pipeline, 300);
    pipeline.snapshot().unwrap();
    let error = reader.named_cursor(0, "billing").unwrap_err();
    assert!(matches!(error, ReadError::Retired { .. }), "{error}");
    assert!(matches!(
        reader.named_cursor(0, "no/name"),
        Err(ReadError::CursorName { .. })
    ));
    pipeline.close().unwrap();
}

#[test]
fn a_cursor_that_was_stored_in_front_of_the_first_event_goes_on_there() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(builder(directory.path()));
    let reader = JournalReader::open(directory.path()).unwrap();
    reader.cursor(0).unwrap().store("billing").unwrap();
    let mut cursor = reader.named_cursor(0, "billing").unwrap();
    assert!(cursor.next_event().unwrap().is_none());
    fill(&pipeline, 1..=3);
    let mut cursor = reader.named_cursor(0, "billing").unwrap();
    assert_eq!(cursor.next_event().unwrap().unwrap().meta.sequence, 1);
}

#[test]
fn a_reader_keeps_the_segment_that_it_reads_while_it_is_retired_and_then_learns_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(builder(directory.path()).retention(RETIRING));
    publish_long(&pipeline, 300);
    let reader = JournalReader::open(directory.path()).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    assert_eq!(cursor.next_event().unwrap().unwrap().meta.sequence, 1);
    for _ in 0..4 {
        publish_long(&pipeline, 300);
        pipeline.snapshot().unwrap();
    }
    // It goes through the segment it holds, in order, and then is told: nothing is passed over.
    let mut expected = 2;
    let error = loop {
        match cursor.next_event() {
            Ok(Some(event)) => {
                assert_eq!(event.meta.sequence, expected);
                expected += 1;
            }
            Ok(None) => cursor.refresh().unwrap(),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ReadError::Retired { .. }), "{error}");
    pipeline.close().unwrap();
}

#[test]
fn a_snapshot_is_taken_on_its_own_when_enough_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(builder(directory.path()).snapshot_every(1024 * 1024));
    let started = std::time::Instant::now();
    while snapshots(directory.path()).is_empty() {
        publish_long(&pipeline, 20);
        assert!(started.elapsed().as_secs() < 20, "no snapshot came");
    }
    pipeline.close().unwrap();
}

#[test]
fn retired_segments_are_recycled_and_what_they_held_before_is_never_taken_for_new() {
    let directory = tempfile::tempdir().unwrap();
    let small = |retention| {
        builder(directory.path())
            .retention(retention)
            .segment_bytes(1024 * 1024)
    };
    for session in 0..4 {
        let pipeline = open(small(RETIRING));
        for round in 0..10 {
            publish_long(&pipeline, 60);
            if round % 3 == 2 {
                pipeline.snapshot().unwrap();
            }
        }
        let before = state(&pipeline);
        assert_eq!(before.last_sequence, (session + 1) * 600);
        if session % 2 == 0 {
            pipeline.close().unwrap();
        } else {
            // As a killed process leaves it: no closing witness, stale bytes behind the last group.
            let copy = tempfile::tempdir().unwrap();
            copy_directory(directory.path(), copy.path());
            pipeline.close().unwrap();
            let pipeline = open(Pipeline::<Sums<1>>::builder(copy.path()));
            let start = &pipeline.start_report().partitions[0];
            assert!(start.torn_tail.is_none(), "{start:?}");
            assert_eq!(state(&pipeline), before);
            pipeline.close().unwrap();
        }
    }
    let recycled = segments(directory.path())
        .iter()
        .filter(|path| fs::read(path).unwrap()[14] == 1)
        .count();
    assert!(recycled > 0, "no segment was recycled");
    let report = JournalReader::open(directory.path())
        .unwrap()
        .verify(|_| Ok(()))
        .unwrap();
    assert!(report.partitions[0].error.is_none(), "{report:?}");
    assert!(report.partitions[0].torn_tail.is_none(), "{report:?}");
}

fn copy_directory(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy_directory(&entry.path(), &target);
        } else {
            // The preparer may remove its file meanwhile.
            let _ = fs::copy(entry.path(), target);
        }
    }
}

#[test]
fn a_missing_segment_that_the_newest_snapshot_stands_in_is_corruption() {
    let directory = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let pipeline = open(builder(directory.path()));
        publish_long(&pipeline, 100);
        pipeline.snapshot().unwrap();
        fill(&pipeline, 1..=3);
        pipeline.close().unwrap();
    }
    // As after a power cut that left an old control word: the snapshot is the only witness.
    fs::remove_file(directory.path().join("partition-0000/control")).unwrap();
    fs::remove_file(segments(directory.path()).pop().unwrap()).unwrap();
    for _ in 0..2 {
        let refused = builder(directory.path()).open(|_| Sums::<1>::default());
        let corrupt = matches!(&refused, Err(OpenError::Journal(error)) if error.is_corruption());
        assert!(corrupt, "{refused:?}");
        for segment in segments(directory.path()) {
            fs::remove_file(segment).unwrap();
        }
    }
}

#[test]
fn a_cursor_that_has_read_a_segment_to_its_end_goes_on_after_it_is_retired() {
    let directory = tempfile::tempdir().unwrap();
    let retiring = || builder(directory.path()).retention(RETIRING);
    let pipeline = open(retiring());
    publish_long(&pipeline, 20);
    pipeline.close().unwrap();
    let reader = JournalReader::open(directory.path()).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    while cursor.next_event().unwrap().is_some() {}
    cursor.store("billing").unwrap();

    let pipeline = open(retiring());
    for _ in 0..3 {
        publish_long(&pipeline, 2);
        pipeline.snapshot().unwrap();
    }
    assert!(
        reader.cursor(0).unwrap().earliest() > 1,
        "nothing was retired"
    );
    for mut cursor in [cursor, reader.named_cursor(0, "billing").unwrap()] {
        cursor.refresh().unwrap();
        let mut expected = 21;
        while let Some(event) = cursor.next_event().unwrap() {
            assert_eq!(event.meta.sequence, expected);
            expected += 1;
        }
        assert_eq!(expected, 27);
    }
    pipeline.close().unwrap();
}

#[test]
fn a_mark_never_names_a_group_whose_number_is_given_again() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(builder(directory.path()));
    fill(&pipeline, 1..=3);
    // An idle journal gets a witness, a group without frames.
    std::thread::sleep(std::time::Duration::from_millis(400));
    let copy = tempfile::tempdir().unwrap();
    copy_directory(directory.path(), copy.path());
    let reader = JournalReader::open(copy.path()).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    while cursor.next_event().unwrap().is_some() {}
    cursor.store("billing").unwrap();
    pipeline.close().unwrap();
    // A power cut leaves an older control word: nothing witnesses the witness.
    fs::remove_file(copy.path().join("partition-0000/control")).unwrap();

    let pipeline = open(builder(copy.path()));
    fill(&pipeline, 4..=6);
    let mut cursor = reader.named_cursor(0, "billing").unwrap();
    for sequence in 4..=6 {
        assert_eq!(
            cursor.next_event().unwrap().unwrap().meta.sequence,
            sequence
        );
    }
    pipeline.close().unwrap();
}

/// Two snapshots, a few events behind the newer one, and everything in front of the older retired.
fn retired_journal(directory: &Path) -> Sums<1> {
    let pipeline = open(builder(directory).retention(RETIRING));
    for _ in 0..4 {
        publish_long(&pipeline, 300);
        pipeline.snapshot().unwrap();
    }
    let at_the_snapshot = state(&pipeline);
    fill(&pipeline, 1..=3);
    pipeline.close().unwrap();
    at_the_snapshot
}

#[test]
fn where_the_segment_of_the_newest_snapshot_is_damaged_repair_goes_on_behind_the_snapshot() {
    for damage in 0..3 {
        let directory = tempfile::tempdir().unwrap();
        let expected = retired_journal(directory.path());
        let last = segments(directory.path()).pop().unwrap();
        match damage {
            0 => fs::remove_file(&last).unwrap(),
            1 => fs::write(&last, b"").unwrap(),
            _ => {
                let mut bytes = fs::read(&last).unwrap();
                bytes[30] ^= 1;
                fs::write(&last, bytes).unwrap();
            }
        }
        let refused = builder(directory.path()).open(|_| Sums::<1>::default());
        assert!(refused.is_err(), "damage {damage}");
        let repair = Repair::new(directory.path());
        assert!(
            repair.clone().execute().is_err(),
            "a loss is to be accepted"
        );
        repair.accept_loss(true).execute().unwrap();
        let pipeline = open(builder(directory.path()));
        assert_eq!(state(&pipeline), expected, "damage {damage}");
        fill(&pipeline, 1..=3);
        pipeline.close().unwrap();
    }
}

#[test]
fn a_damaged_snapshot_is_set_aside_and_without_a_sound_one_nothing_is_called_mended() {
    let directory = tempfile::tempdir().unwrap();
    retired_journal(directory.path());
    let damage = |path: &PathBuf| {
        let mut bytes = fs::read(path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let found = snapshots(directory.path());
    damage(&found[1]);
    let plan = Repair::new(directory.path()).execute().unwrap();
    assert_eq!(plan.partitions[0].damaged_snapshots.len(), 1);
    assert_eq!(snapshots(directory.path()), found[..1]);
    open(builder(directory.path())).close().unwrap();

    damage(&found[0]);
    let refused = Repair::new(directory.path()).plan().unwrap_err();
    assert!(refused.to_string().contains("retired"), "{refused}");
}
