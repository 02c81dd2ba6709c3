//! Contiguous sources: one ordered stream whose messages arrive in disorder.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's"
)]

mod support;

use std::thread;
use std::time::Duration;

use ringlog::source::{ContiguousOptions, HeldError, SourcePublishError};
use support::{added, open, states};

fn patient() -> ContiguousOptions {
    ContiguousOptions {
        gap_timeout: Duration::from_secs(3600),
        ..ContiguousOptions::default()
    }
}

fn amounts(pipeline: &ringlog::Pipeline<support::Counters>) -> Vec<u64> {
    let mut counters = states(pipeline).into_iter().flat_map(|state| state.amounts);
    counters
        .next()
        .map(|(_, amounts)| amounts)
        .unwrap_or_default()
}

#[test]
fn what_comes_in_disorder_is_applied_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    let source = pipeline.contiguous_source("feed", patient()).unwrap();
    let mut numbers: Vec<u64> = (1..=1000).collect();
    // A fixed shuffle: neighbours swap over distances of up to 97.
    for index in 0..numbers.len() {
        let other = (index * 7919) % 97;
        let last = numbers.len() - 1;
        numbers.swap(index, (index + other).min(last));
    }
    let receipts: Vec<_> = numbers
        .iter()
        .map(|number| source.publish(*number, &added(7, *number)).unwrap())
        .collect();
    for receipt in receipts {
        receipt.wait().unwrap();
    }
    assert_eq!(amounts(&pipeline), (1..=1000).collect::<Vec<_>>());
    assert_eq!(source.stats().next_number, 1001);
}

#[test]
fn several_threads_share_one_source() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let source = pipeline.contiguous_source("feed", patient()).unwrap();
    thread::scope(|scope| {
        for lane in 0..4u64 {
            let source = &source;
            scope.spawn(move || {
                for number in (1..=2000).filter(|number| number % 4 == lane) {
                    drop(source.publish(number, &added(7, number)).unwrap());
                }
            });
        }
    });
    assert_eq!(amounts(&pipeline), (1..=2000).collect::<Vec<_>>());
}

#[test]
fn what_is_held_is_not_acknowledged_until_the_gap_closes() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let source = pipeline.contiguous_source("feed", patient()).unwrap();
    let held = source.publish(2, &added(7, 2)).unwrap();
    assert!(held.is_held());
    pipeline
        .publisher()
        .publish(&added(8, 1))
        .unwrap()
        .wait()
        .unwrap();
    assert!(held.is_held());
    drop(source.publish(1, &added(7, 1)).unwrap());
    held.wait().unwrap();
    assert_eq!(
        pipeline.read(7, |state| state.amounts[&7].clone()).unwrap(),
        [1, 2]
    );
}

#[test]
fn a_gap_that_stays_open_is_given_up_and_what_comes_late_is_late_also_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    let options = ContiguousOptions {
        gap_timeout: Duration::from_millis(30),
        ..ContiguousOptions::default()
    };
    let source = pipeline.contiguous_source("feed", options).unwrap();
    drop(source.publish(1, &added(7, 1)).unwrap());
    // Nobody publishes afterwards: the timer alone gives the gap up.
    source.publish(4, &added(7, 4)).unwrap().wait().unwrap();
    assert_eq!(source.stats().gaps, [(2, 3)]);
    let error = source.publish(3, &added(7, 3)).unwrap_err();
    assert!(
        matches!(error, SourcePublishError::Late { number: 3 }),
        "{error}"
    );
    assert_eq!(source.stats().late, 1);
    drop(source);
    pipeline.close().unwrap();

    let pipeline = open(directory.path(), 2);
    let source = pipeline.contiguous_source("feed", patient()).unwrap();
    assert_eq!(source.stats().gaps, [(2, 3)]);
    // What may have been lost is sent again from `next_number` on; what was skipped stays so.
    let next = source.stats().next_number;
    for number in (next..=6).filter(|number| ![2, 3].contains(number)) {
        drop(source.publish(number, &added(7, number)).unwrap());
    }
    let error = source.publish(2, &added(7, 2)).unwrap_err();
    assert!(
        matches!(error, SourcePublishError::Late { number: 2 }),
        "{error}"
    );
    assert_eq!(amounts(&pipeline), [1, 4, 5, 6]);
}

#[test]
fn a_declared_gap_is_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let source = pipeline.contiguous_source("feed", patient()).unwrap();
    source.declare_gap(3, 5).unwrap();
    let held = source.publish(6, &added(7, 6)).unwrap();
    drop(source.publish(1, &added(7, 1)).unwrap());
    assert!(held.is_held());
    let error = source.publish(4, &added(7, 4)).unwrap_err();
    assert!(
        matches!(error, SourcePublishError::Late { number: 4 }),
        "{error}"
    );
    drop(source.publish(2, &added(7, 2)).unwrap());
    held.wait().unwrap();
    assert_eq!(amounts(&pipeline), [1, 2, 6]);
    assert!(source.declare_gap(6, 7).is_err());
}

#[test]
fn too_much_behind_a_gap_gives_it_up() {
    for options in [
        ContiguousOptions {
            held_events_max: 10,
            ..patient()
        },
        ContiguousOptions {
            held_bytes_max: 10 * 56,
            ..patient()
        },
    ] {
        let directory = tempfile::tempdir().unwrap();
        let pipeline = open(directory.path(), 1);
        let source = pipeline.contiguous_source("feed", options).unwrap();
        for number in 2..=12 {
            drop(source.publish(number, &added(7, number)).unwrap());
        }
        assert_eq!(source.stats().gaps, [(1, 1)]);
        assert_eq!(amounts(&pipeline), (2..=12).collect::<Vec<_>>());
    }
}

#[test]
fn what_is_held_when_the_pipeline_closes_gets_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let source = pipeline.contiguous_source("feed", patient()).unwrap();
    let held = source.publish(2, &added(7, 2)).unwrap();
    let waits = thread::spawn(move || held.wait());
    assert_eq!(pipeline.close().unwrap().events(), 0);
    assert!(matches!(waits.join().unwrap(), Err(HeldError::Closed)));
    assert!(source.publish(1, &added(7, 1)).is_err());
}

#[test]
fn numbers_that_come_again_are_duplicates_within_a_session_and_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    let source = pipeline.contiguous_source("feed", patient()).unwrap();
    for number in [1, 2, 3, 2, 1, 4] {
        source
            .publish(number, &added(number, number))
            .unwrap()
            .wait()
            .unwrap();
    }
    assert_eq!(source.stats().duplicates, 2);
    drop(source);
    assert_eq!(pipeline.close().unwrap().events(), 4);
    let pipeline = open(directory.path(), 2);
    let source = pipeline.contiguous_source("feed", patient()).unwrap();
    assert!(source.stats().next_number <= 5);
    for number in [3, 2, 1, 5, 4] {
        drop(source.publish(number, &added(number, number)).unwrap());
    }
    drop(source);
    let report = pipeline.close().unwrap();
    assert_eq!((report.events(), report.duplicates()), (1, 4));
}

fn hasty() -> ContiguousOptions {
    ContiguousOptions {
        gap_timeout: Duration::from_millis(50),
        ..ContiguousOptions::default()
    }
}

#[test]
fn a_gap_may_be_declared_again_after_a_restart_and_later_gaps_are_still_given_up() {
    for again in [(3, 4), (3, 6)] {
        let directory = tempfile::tempdir().unwrap();
        let pipeline = open(directory.path(), 1);
        let source = pipeline.contiguous_source("feed", hasty()).unwrap();
        source.declare_gap(3, 4).unwrap();
        for number in [1, 2, 5] {
            if number != 5 || again == (3, 4) {
                source
                    .publish(number, &added(7, number))
                    .unwrap()
                    .wait()
                    .unwrap();
            }
        }
        drop(source);
        pipeline.close().unwrap();
        let pipeline = open(directory.path(), 1);
        let source = pipeline.contiguous_source("feed", hasty()).unwrap();
        source.declare_gap(again.0, again.1).unwrap();
        for number in [1, 2] {
            source
                .publish(number, &added(7, number))
                .unwrap()
                .wait()
                .unwrap();
        }
        source.publish(9, &added(7, 9)).unwrap().wait().unwrap();
        assert_eq!(source.stats().next_number, 10);
        assert_eq!(source.stats().held_events, 0);
    }
}

#[test]
fn a_late_number_stays_late_whatever_is_declared_around_it() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let source = pipeline.contiguous_source("feed", patient()).unwrap();
    for number in 1..=9 {
        source
            .publish(number, &added(7, number))
            .unwrap()
            .wait()
            .unwrap();
    }
    source.declare_gap(10, 12).unwrap();
    source.publish(13, &added(7, 13)).unwrap().wait().unwrap();
    drop(source);
    pipeline.close().unwrap();
    let pipeline = open(directory.path(), 1);
    let source = pipeline.contiguous_source("feed", patient()).unwrap();
    let is_late = |number| {
        let error = source.publish(number, &added(7, number)).unwrap_err();
        assert!(matches!(error, SourcePublishError::Late { .. }), "{error}");
    };
    is_late(11);
    source.declare_gap(1, 9).unwrap();
    is_late(11);
    is_late(4);
}

#[test]
fn a_stream_that_comes_in_order_is_never_given_up_for_what_lies_ahead() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let gap_timeout = Duration::from_millis(500);
    let options = ContiguousOptions {
        gap_timeout,
        ..ContiguousOptions::default()
    };
    let source = pipeline.contiguous_source("feed", options).unwrap();
    source.declare_gap(100, 110).unwrap();
    drop(source.publish(60, &added(7, 60)).unwrap());
    // Longer in all than a gap may stay open, but never as long between two numbers.
    for number in 1..=40 {
        thread::sleep(gap_timeout / 25);
        drop(source.publish(number, &added(7, number)).unwrap());
    }
    assert_eq!(source.stats().gaps, []);
}

#[test]
fn numbers_outside_the_range_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let source = pipeline.contiguous_source("feed", patient()).unwrap();
    for number in [0, u64::MAX] {
        let error = source.publish(number, &added(7, 1)).unwrap_err();
        assert!(
            matches!(error, SourcePublishError::Number { .. }),
            "{error}"
        );
    }
    assert!(source.declare_gap(0, 5).is_err());
    assert!(source.declare_gap(5, u64::MAX).is_err());
}

#[test]
fn a_sender_that_says_where_it_resumes_is_not_made_to_wait_for_what_it_had_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let options = ContiguousOptions {
        resume_at: Some(1_000_000),
        ..patient()
    };
    let pipeline = open(directory.path(), 1);
    let source = pipeline.contiguous_source("feed", options).unwrap();
    source
        .publish(1_000_000, &added(7, 1))
        .unwrap()
        .wait()
        .unwrap();
    drop(source);
    pipeline.close().unwrap();
    let pipeline = open(directory.path(), 1);
    let source = pipeline.contiguous_source("feed", patient()).unwrap();
    assert!(
        source.stats().next_number >= 1_000_000,
        "{:?}",
        source.stats()
    );
}

#[test]
fn a_gap_that_cannot_be_journaled_refuses_what_would_be_held_beyond_the_limits() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let options = ContiguousOptions {
        held_events_max: 4,
        ..hasty()
    };
    let source = pipeline.contiguous_source("feed", options).unwrap();
    drop(source.publish(1, &support::exploded(7)).unwrap().wait());
    // The partition is poisoned, so no gap can be given up any more.
    let refused = (3..100)
        .filter(|number| source.publish(*number, &added(7, 1)).is_err())
        .count();
    assert!(refused >= 90, "{refused} refused");
    assert!(source.stats().held_events <= 4, "{:?}", source.stats());
    assert!(pipeline.close().is_err());
}
