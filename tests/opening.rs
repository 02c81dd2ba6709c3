//! Opening a directory: what it costs, what it refuses, and what it leaves unchanged.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's"
)]

mod support;

#[path = "support/faulty.rs"]
mod faulty;

use std::fs;
use std::path::Path;
use std::time::Instant;

use faulty::Faulty;
use ringlog::{Durability, OpenError, Pipeline};
use support::{Counters, added, open};

fn try_open(path: &Path, partitions: u32) -> Result<Pipeline<Counters>, OpenError> {
    Pipeline::<Counters>::builder(path)
        .partitions(partitions)
        .open(|_| Counters::default())
}

fn files(path: &Path) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).unwrap().flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            let name = entry.path().display().to_string();
            found.push((name, entry.metadata().unwrap().len()));
        }
    }
    found.sort();
    found
}

#[test]
fn opening_an_empty_directory_is_quick_and_small() {
    // The quickest of five: the other tests share the disk and the cores.
    let quickest = (0..5)
        .map(|_| {
            let directory = tempfile::tempdir().unwrap();
            let started = Instant::now();
            let pipeline = open(directory.path(), 2);
            let elapsed = started.elapsed();
            // What is prepared in the background counts too.
            std::thread::sleep(std::time::Duration::from_millis(50));
            let bytes: u64 = files(directory.path()).iter().map(|(_, bytes)| bytes).sum();
            pipeline.close().unwrap();
            assert!(bytes < 2 * 2 * 1024 * 1024, "{bytes} bytes");
            elapsed
        })
        .min()
        .unwrap();
    assert!(quickest.as_millis() < 100, "{quickest:?}");
}

#[test]
fn opening_and_closing_without_events_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    pipeline.publisher().publish(&added(1, 1)).unwrap();
    pipeline.close().unwrap();
    let before = files(directory.path());
    for _ in 0..3 {
        open(directory.path(), 2).close().unwrap();
    }
    assert_eq!(files(directory.path()), before);
}

#[test]
fn a_second_opener_is_refused_at_once_and_the_lock_ends_with_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let error = try_open(directory.path(), 1).unwrap_err();
    assert!(matches!(error, OpenError::AlreadyOpen { .. }), "{error}");
    drop(pipeline);
    try_open(directory.path(), 1).unwrap();
}

#[test]
fn a_rival_that_creates_the_journal_in_between_is_a_rival_and_no_foreign_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    let (rival, rivals) = std::sync::mpsc::channel();
    // Behind the look for the metadata, in front of the look for foreign files.
    let storage = Faulty::before_first_list(move || rival.send(open(&path, 1)).unwrap());
    let refused = Pipeline::<Counters>::builder(directory.path())
        .storage(storage)
        .open(|_| Counters::default());
    assert!(
        matches!(refused, Err(OpenError::AlreadyOpen { .. })),
        "{refused:?}"
    );
    rivals.recv().unwrap().close().unwrap();
}

#[test]
fn another_partition_count_is_a_clear_error() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path(), 3).close().unwrap();
    let error = try_open(directory.path(), 4).unwrap_err();
    assert!(
        matches!(
            error,
            OpenError::PartitionCount {
                found: 3,
                asked: 4,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("has 3 partitions, not 4"));
}

#[test]
fn a_directory_with_foreign_files_is_refused_untouched() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("holiday.jpg"), b"not a journal").unwrap();
    let error = try_open(directory.path(), 1).unwrap_err();
    assert!(error.to_string().contains("holiday.jpg"), "{error}");
    assert_eq!(files(directory.path()).len(), 1);
}

#[test]
fn settings_outside_their_limits_are_refused_with_the_limits() {
    let directory = tempfile::tempdir().unwrap();
    let builder = || Pipeline::<Counters>::builder(directory.path());
    for builder in [
        builder().partitions(0),
        builder().partitions(1025),
        builder().ring_slots(5000),
        builder().ring_slots(64),
        builder().group_bytes(1024),
        builder().partition_threads(0),
    ] {
        let error = builder.open(|_| Counters::default()).unwrap_err();
        assert!(matches!(error, OpenError::Setting { .. }), "{error}");
    }
}

#[test]
fn memory_does_not_ignore_a_journal_that_is_there() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path(), 1).close().unwrap();
    let error = Pipeline::<Counters>::builder(directory.path())
        .durability(Durability::Memory)
        .open(|_| Counters::default())
        .unwrap_err();
    assert!(
        matches!(error, OpenError::JournalWouldBeIgnored { .. }),
        "{error}"
    );
}

#[test]
fn the_start_report_says_what_was_granted() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 3);
    let report = pipeline.start_report();
    assert_eq!(report.partitions.len(), 3);
    assert!(report.partition_threads >= 1 && report.partition_threads <= 3);
    assert!(report.pinned_cpus.len() <= report.partition_threads);
    assert_eq!(report.durability, Durability::Sync);
}
