//! Events published together: in order, all of them, and as durable as events published one by one.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's"
)]

mod support;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;

use ringlog::{PublishError, ReceiptError};
use support::{CounterEvent, added, counter_in, exploded, noted, open, states};

#[test]
fn a_batch_is_durable_in_every_partition_when_its_receipt_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 3);
    let publisher = pipeline.publisher();
    let events = (1..=10_000).map(|amount| added(amount % 7, amount));
    publisher.publish_all(events).unwrap().wait().unwrap();
    let durable: u64 = pipeline
        .stats()
        .iter()
        .map(|partition| partition.durable_sequence)
        .sum();
    assert_eq!(durable, 10_000);
    let before = states(&pipeline);
    pipeline.close().unwrap();

    let pipeline = open(directory.path(), 3);
    assert!(states(&pipeline) == before);
    for (counter, amounts) in before.iter().flat_map(|state| &state.amounts) {
        let expected = (1..=10_000).filter(|amount| amount % 7 == *counter);
        assert_eq!(*amounts, expected.collect::<Vec<_>>());
    }
}

#[test]
fn long_and_short_events_of_a_batch_keep_their_order_among_single_ones() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let publisher = pipeline.publisher();
    let text = |number: usize| format!("{number} {}", "x".repeat(number * 977 % 200_000));
    for round in 0..20 {
        let numbers = round * 10..round * 10 + 9;
        let batch = publisher.publish_all(numbers.map(|number| noted(1, text(number))));
        drop(batch.unwrap());
        publisher.publish(&noted(1, text(round * 10 + 9))).unwrap();
    }
    let state = &states(&pipeline)[0];
    assert_eq!(state.notes, (0..200).map(text).collect::<Vec<_>>());
}

#[test]
fn batches_of_many_publishers_keep_each_publishers_order() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    thread::scope(|scope| {
        for counter in 1..=4u64 {
            let publisher = pipeline.publisher();
            scope.spawn(move || {
                for first in (1..5_000).step_by(100) {
                    let events = (first..first + 100).map(|amount| added(counter, amount));
                    drop(publisher.publish_all(events).unwrap());
                }
            });
        }
    });
    for state in states(&pipeline) {
        for (counter, amounts) in state.amounts {
            let expected: Vec<_> = (1..=5_000).collect();
            assert_eq!(amounts, expected, "counter {counter}");
        }
    }
}

#[test]
fn an_empty_batch_is_durable_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let publisher = pipeline.publisher();
    let receipt = publisher
        .publish_all(<[CounterEvent; 0]>::default())
        .unwrap();
    assert!(receipt.is_durable().unwrap());
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(
        pin!(receipt).poll(&mut context),
        Poll::Ready(Ok(()))
    ));
}

#[test]
fn an_event_that_cannot_be_archived_stops_its_batch_behind_those_in_front_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    let publisher = pipeline.publisher();
    let events = (1..=100).map(|amount| match amount {
        71 => noted(1, "x".repeat(ringlog::EVENT_BYTES_MAX)),
        _ => added(amount, amount),
    });
    let error = publisher.publish_all(events).unwrap_err();
    assert_eq!(error.published, 70);
    assert!(matches!(error.cause, PublishError::Archive(_)), "{error}");
    let applied: usize = states(&pipeline)
        .iter()
        .map(|state| state.sequences.len())
        .sum();
    assert_eq!(applied, 70);
}

#[test]
fn what_an_iterator_that_panics_had_not_published_is_not_published_later() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let publisher = pipeline.publisher();
    let events = (1..=5).map(|amount| match amount {
        5 => panic!("no more events"),
        _ => added(1, amount),
    });
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        drop(publisher.publish_all(events));
    }));
    assert!(panicked.is_err());
    drop(publisher.publish_all([added(1, 6), added(1, 7)]).unwrap());
    assert_eq!(states(&pipeline)[0].amounts[&1], [6, 7]);
}

#[test]
fn a_batch_cannot_be_published_from_within_its_own_events() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let publisher = pipeline.publisher();
    let mut refusals = 0;
    let events = (1..=3).map(|amount| {
        let refusal = publisher.publish(&added(9, 9)).map(drop);
        refusals += usize::from(matches!(refusal, Err(PublishError::WouldDeadlock)));
        added(1, amount)
    });
    publisher.publish_all(events).unwrap().wait().unwrap();
    assert_eq!(refusals, 3);
    assert_eq!(states(&pipeline)[0].sequences, [1, 2, 3]);
}

#[test]
fn a_batch_with_an_event_that_cannot_be_applied_is_acknowledged_up_to_it_only() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    let publisher = pipeline.publisher();
    let (bad, good) = (counter_in(0, 2), counter_in(1, 2));
    let before = publisher.publish_all([added(bad, 1), added(good, 1)]);
    before.unwrap().wait().unwrap();
    let receipt = publisher
        .publish_all([added(bad, 2), exploded(bad), added(good, 2)])
        .unwrap()
        .detach();
    assert!(matches!(receipt.wait(), Err(ReceiptError::Poisoned(_))));

    // The other partition takes what is its own, also in a batch that is refused.
    let error = publisher
        .publish_all([added(good, 3), added(bad, 3), added(good, 4)])
        .unwrap_err();
    assert!(matches!(error.cause, PublishError::Poisoned(_)), "{error}");
    assert_eq!(error.published, 2);
    let amounts = pipeline.read(good, |state| state.amounts[&good].clone());
    assert_eq!(amounts.unwrap(), [1, 2, 3, 4]);
    drop(publisher);
    pipeline.close().unwrap_err();

    let report = ringlog::journal::JournalReader::open(directory.path())
        .and_then(|reader| reader.verify(|_| Ok(())))
        .unwrap();
    let events = report.partitions.iter().map(|partition| partition.events);
    assert_eq!(events.collect::<Vec<_>>(), [2, 4]);
}
