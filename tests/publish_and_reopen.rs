//! The main job: what was published is in order, applied, durable, and there again after reopening.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's"
)]

mod support;

use std::thread;

use ringlog::{Durability, Pipeline};
use support::{Counters, added, counter_in, noted, open, states};

#[test]
fn events_are_applied_in_order_and_are_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    let publisher = pipeline.publisher();
    for amount in 1..=10_000 {
        publisher.publish(&added(amount % 7, amount)).unwrap();
    }
    for partition in 0..2 {
        publisher
            .publish(&added(counter_in(partition, 2), 1))
            .unwrap()
            .wait()
            .unwrap();
    }
    let before = states(&pipeline);
    let report = pipeline.close().unwrap();
    assert_eq!(report.events(), 10_002);

    let pipeline = open(directory.path(), 2);
    assert!(states(&pipeline) == before);
    for state in &before {
        let count = state.sequences.len() as u64;
        assert_eq!(state.sequences, (1..=count).collect::<Vec<_>>());
    }
}

#[test]
fn events_of_many_publishers_keep_each_publishers_order() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 3);
    thread::scope(|scope| {
        for counter in 1..=8u64 {
            let publisher = pipeline.publisher();
            scope.spawn(move || {
                for amount in 1..=5_000 {
                    publisher.publish(&added(counter, amount)).unwrap();
                }
                publisher
                    .publish(&added(counter, 5_001))
                    .unwrap()
                    .wait()
                    .unwrap();
            });
        }
    });
    for state in states(&pipeline) {
        for (counter, amounts) in state.amounts {
            assert_eq!(
                amounts,
                (1..=5_001).collect::<Vec<_>>(),
                "counter {counter}"
            );
        }
    }
}

#[test]
fn an_event_of_any_length_up_to_the_limit_arrives_whole() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let publisher = pipeline.publisher();
    let lengths = [
        0,
        1,
        23,
        24,
        25,
        60,
        100,
        1_000,
        65_536,
        200_000,
        ringlog::EVENT_BYTES_MAX - 64,
    ];
    let texts: Vec<String> = lengths
        .iter()
        .cycle()
        .take(60)
        .enumerate()
        .map(|(index, length)| {
            ((b'a' + (index % 26) as u8) as char)
                .to_string()
                .repeat(*length)
        })
        .collect();
    for text in &texts {
        publisher.publish(&noted(5, text.clone())).unwrap();
    }
    let too_long = noted(5, "x".repeat(ringlog::EVENT_BYTES_MAX));
    let error = publisher.publish(&too_long).unwrap_err();
    assert!(error.to_string().contains("262144"), "{error}");
    assert_eq!(
        pipeline.read(5, |state| state.notes.clone()).unwrap(),
        texts
    );
    pipeline.close().unwrap();
    let pipeline = open(directory.path(), 1);
    assert_eq!(
        pipeline.read(5, |state| state.notes.clone()).unwrap(),
        texts
    );
}

#[test]
fn a_full_ring_hands_control_back_and_the_waiting_call_gets_through() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let publisher = pipeline.publisher();
    let gate = std::sync::Arc::new(std::sync::Barrier::new(2));
    thread::scope(|scope| {
        let held = std::sync::Arc::clone(&gate);
        let pipeline = &pipeline;
        // A visitor that keeps the partition busy, so that the ring fills.
        scope.spawn(move || {
            pipeline.read_applied(1, |_| {
                held.wait();
                held.wait();
            })
        });
        gate.wait();
        let mut taken = 0;
        let refused = loop {
            match publisher.try_publish(&added(1, 1)) {
                Ok(_) => taken += 1,
                Err(error) => break error,
            }
        };
        assert!(refused.is_full(), "{refused}");
        assert!(taken >= 4096);
        let waiter = scope.spawn({
            let publisher = publisher.clone();
            move || {
                publisher
                    .publish(&added(1, 1))
                    .map(|receipt| receipt.wait().unwrap())
            }
        });
        gate.wait();
        waiter.join().unwrap().unwrap();
    });
}

#[test]
fn a_read_returns_only_when_what_it_saw_is_durable() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    let publisher = pipeline.publisher();
    for round in 1..=50 {
        publisher.publish(&added(9, round)).unwrap();
        let seen = pipeline
            .read(9, |state| state.sequences.len() as u64)
            .unwrap();
        let partition = ringlog::partition_of(9, 2) as usize;
        assert!(pipeline.stats()[partition].durable_sequence >= seen);
    }
}

#[test]
fn publishers_and_reads_get_closed_after_close_and_receipts_stay_true() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    let publisher = pipeline.publisher();
    let receipt = publisher.publish(&added(1, 1)).unwrap();
    let report = pipeline.close().unwrap();
    assert_eq!(report.events(), 1);
    assert!(receipt.is_durable().unwrap());
    receipt.wait().unwrap();
    let error = publisher.publish(&added(1, 1)).unwrap_err();
    assert!(matches!(error, ringlog::PublishError::Closed));
    let error = publisher.try_publish(&added(1, 1)).unwrap_err();
    assert!(matches!(error, ringlog::PublishError::Closed));
}

#[test]
fn every_publish_that_returned_ok_before_close_is_there_afterwards() {
    for _ in 0..20 {
        let directory = tempfile::tempdir().unwrap();
        let pipeline = open(directory.path(), 2);
        let publishers: Vec<_> = (0..3u64)
            .map(|counter| {
                let publisher = pipeline.publisher();
                thread::spawn(move || {
                    let mut taken = 0u64;
                    while publisher.publish(&added(counter, 1)).is_ok() {
                        taken += 1;
                    }
                    taken
                })
            })
            .collect();
        thread::sleep(std::time::Duration::from_millis(3));
        let report = pipeline.close().unwrap();
        let taken: u64 = publishers
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum();
        assert_eq!(report.events(), taken);
        let pipeline = open(directory.path(), 2);
        let found: usize = states(&pipeline)
            .iter()
            .map(|state| state.sequences.len())
            .sum();
        assert_eq!(found as u64, taken);
    }
}

#[test]
fn the_weaker_levels_work_alike_and_memory_leaves_nothing_behind() {
    for durability in [Durability::OsBuffer, Durability::Memory] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let open = || {
            Pipeline::<Counters>::builder(&path)
                .partitions(2)
                .durability(durability)
                .open(|_| Counters::default())
                .unwrap()
        };
        let pipeline = open();
        let publisher = pipeline.publisher();
        for amount in 1..=20_000 {
            publisher.publish(&added(amount, amount)).unwrap();
        }
        publisher.publish(&added(1, 1)).unwrap().wait().unwrap();
        assert_eq!(pipeline.close().unwrap().events(), 20_001);
        let kept: usize = states(&open())
            .iter()
            .map(|state| state.sequences.len())
            .sum();
        let expected = if durability == Durability::Memory {
            0
        } else {
            20_001
        };
        assert_eq!(kept, expected, "{durability:?}");
        assert_eq!(path.exists(), durability == Durability::OsBuffer);
    }
}

#[test]
fn keys_of_one_partition_meet_there() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 4);
    let publisher = pipeline.publisher();
    for partition in 0..4 {
        let receipt = publisher
            .publish(&added(counter_in(partition, 4), 1))
            .unwrap();
        assert_eq!(receipt.partition(), partition);
        receipt.wait().unwrap();
    }
    assert!(states(&pipeline).iter().all(|state| state.sequences == [1]));
}
