//! Sources: numbers make publishing idempotent, across restarts too.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's"
)]

mod support;

use ringlog::source::{SourceError, SourcePublishError};
use support::{added, counter_in, open, states};

#[test]
fn numbers_that_are_there_already_are_counted_and_not_journaled_again() {
    let directory = tempfile::tempdir().unwrap();
    let publish = |numbers: std::ops::RangeInclusive<u64>| {
        let pipeline = open(directory.path(), 2);
        let source = pipeline.source("feed").unwrap();
        for number in numbers {
            source.publish(number, &added(number % 10, number)).unwrap();
        }
        let report = pipeline.close().unwrap();
        (report.events(), report.duplicates())
    };
    assert_eq!(publish(1..=500), (500, 0));
    assert_eq!(publish(1..=500), (0, 500));
    assert_eq!(publish(1..=800), (300, 500));
    let pipeline = open(directory.path(), 2);
    for state in states(&pipeline) {
        for (counter, amounts) in state.amounts {
            let expected: Vec<_> = (1..=800).filter(|number| number % 10 == counter).collect();
            assert_eq!(amounts, expected);
        }
    }
}

#[test]
fn a_duplicate_is_acknowledged_only_with_its_original() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let source = pipeline.source("feed").unwrap();
    source.publish(1, &added(1, 1)).unwrap();
    drop(source);
    let source = pipeline.source("feed").unwrap();
    source.publish(1, &added(1, 1)).unwrap().wait().unwrap();
    assert_eq!(pipeline.stats()[0].durable_sequence, 1);
    assert_eq!(pipeline.stats()[0].duplicates, 1);
}

#[test]
fn a_live_source_is_exclusive_and_comes_free_when_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let source = pipeline.source("feed").unwrap();
    let error = pipeline.source("feed").unwrap_err();
    assert!(matches!(error, SourceError::SourceBusy { .. }), "{error}");
    pipeline.source("other").unwrap();
    drop(source);
    pipeline.source("feed").unwrap();
}

#[test]
fn numbers_that_do_not_increase_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let source = pipeline.source("feed").unwrap();
    source.publish(5, &added(1, 1)).unwrap();
    for number in [0, 4, 5] {
        let error = source.publish(number, &added(1, 1)).unwrap_err();
        assert!(
            matches!(error, SourcePublishError::OutOfOrder { last: 5, .. }),
            "{error}"
        );
    }
    source.publish(6, &added(1, 1)).unwrap();
    drop(source);
    assert_eq!(pipeline.close().unwrap().events(), 2);
}

#[test]
fn a_retired_source_starts_anew_also_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    let source = pipeline.source("feed").unwrap();
    let first_id = source.id();
    source.publish(9, &added(1, 1)).unwrap();
    assert!(matches!(
        pipeline.retire_source("feed"),
        Err(SourceError::SourceBusy { .. })
    ));
    drop(source);
    pipeline.retire_source("feed").unwrap();
    assert!(matches!(
        pipeline.retire_source("feed"),
        Err(SourceError::Unknown { .. })
    ));
    pipeline.close().unwrap();
    let pipeline = open(directory.path(), 2);
    let source = pipeline.source("feed").unwrap();
    assert_ne!(source.id(), first_id);
    source.publish(1, &added(1, 1)).unwrap();
    drop(source);
    assert_eq!(pipeline.close().unwrap().events(), 1);
}

#[test]
fn sources_and_plain_publishers_mix() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    let (left, right) = (
        pipeline.source("left").unwrap(),
        pipeline.source("right").unwrap(),
    );
    let publisher = pipeline.publisher();
    let counter = counter_in(1, 2);
    for number in 1..=100 {
        left.publish(number, &added(counter, number)).unwrap();
        right.publish(number, &added(counter, number)).unwrap();
        publisher.publish(&added(counter, number)).unwrap();
    }
    assert_eq!(pipeline.close().unwrap().events(), 300);
    assert!(left.publish(101, &added(1, 1)).is_err());
}
