//! The ingress ring: our `ring` on the sources of the crate `disruptor`. What a slot holds is in
//! cells that loom checks, so a race on a payload fails a model like a wrong order does.

use loom::thread;
use ringlog::internal::{RingPoller, RingPublisher, SLOT_BYTES, Signal, ring};
use ringlog_loom_tests::{Preemptions, explore, explore_outcomes};
use std::sync::Arc;

/// The shortest ring that the crate offers to several publishers.
const SLOTS: usize = 64;

/// Everything that is there to be read.
fn drain(poller: &mut RingPoller, into: &mut Vec<(u64, Vec<u8>)>) {
    while poller.poll(u64::MAX, |position, record| {
        into.push((position, record.to_vec()));
    }) > 0
    {}
}

fn publish(publisher: &mut RingPublisher, record: &[u8]) -> u64 {
    publisher.try_publish(record).expect("there is room")
}

#[test]
fn what_one_publisher_publishes_is_read_whole_and_in_order() {
    explore(Preemptions::Unbounded, || {
        let (mut publisher, mut poller) = ring(SLOTS, 1);
        let thread = thread::spawn(move || {
            assert_eq!(publish(&mut publisher, b"first"), 1);
            assert_eq!(publish(&mut publisher, b"second"), 2);
        });
        let mut read = Vec::new();
        for _ in 0..2 {
            poller.poll(u64::MAX, |position, record| {
                read.push((position, record.to_vec()));
            });
        }
        thread.join().unwrap();
        drain(&mut poller, &mut read);
        assert_eq!(read, [(1, b"first".to_vec()), (2, b"second".to_vec())]);
    });
}

#[test]
fn records_of_two_publishers_are_each_read_once_in_the_order_of_their_positions() {
    explore(Preemptions::Three, || {
        let (publisher, mut poller) = ring(SLOTS, 1);
        let threads = [b'a', b'b'].map(|name| {
            let mut publisher = publisher.clone();
            thread::spawn(move || [1, 2].map(|number| publish(&mut publisher, &[name, number])))
        });
        let mut read = Vec::new();
        poller.poll(u64::MAX, |position, record| {
            read.push((position, record.to_vec()));
        });
        let positions = threads.map(|thread| thread.join().unwrap());
        drain(&mut poller, &mut read);
        let read_at: Vec<u64> = read.iter().map(|(position, _)| *position).collect();
        assert_eq!(read_at, [1, 2, 3, 4]);
        for (name, positions) in [b'a', b'b'].into_iter().zip(positions) {
            let of_one: Vec<_> = read
                .iter()
                .filter(|(_, record)| record[0] == name)
                .cloned()
                .collect();
            let expected = [(positions[0], vec![name, 1]), (positions[1], vec![name, 2])];
            assert_eq!(of_one, expected);
        }
    });
}

#[test]
fn publishers_meet_over_the_wrap_and_nothing_is_lost_or_read_twice() {
    explore(Preemptions::Three, || {
        // Two slots are left in this round, and four records come.
        let (publisher, mut poller) = ring(SLOTS, SLOTS as u64 - 1);
        let threads = [b'a', b'b'].map(|name| {
            let mut publisher = publisher.clone();
            thread::spawn(move || {
                for number in [1, 2] {
                    publish(&mut publisher, &[name, number]);
                }
            })
        });
        let mut read = Vec::new();
        poller.poll(u64::MAX, |position, record| {
            read.push((position, record.to_vec()));
        });
        for thread in threads {
            thread.join().unwrap();
        }
        drain(&mut poller, &mut read);
        let positions: Vec<u64> = read.iter().map(|(position, _)| *position).collect();
        assert_eq!(positions, [63, 64, 65, 66]);
        for name in [b'a', b'b'] {
            let numbers: Vec<u8> = read
                .iter()
                .filter(|(_, record)| record[0] == name)
                .map(|(_, record)| record[1])
                .collect();
            assert_eq!(numbers, [1, 2]);
        }
    });
}

#[test]
fn a_batch_over_the_wrap_stays_together_beside_another_publisher() {
    explore(Preemptions::Three, || {
        // The batch's three slots lie in both rounds, and in two words of what is available.
        let (mut publisher, mut poller) = ring(SLOTS, SLOTS as u64 - 1);
        let mut other = publisher.clone();
        let long = [b'a'; SLOT_BYTES + 1];
        let thread = thread::spawn(move || publisher.try_publish_all(&[b"a", &long]));
        let single = publish(&mut other, b"b");
        let mut read = Vec::new();
        poller.poll(u64::MAX, |position, record| {
            read.push((position, record.to_vec()));
        });
        let last = thread.join().unwrap().expect("there is room");
        drain(&mut poller, &mut read);
        let mut expected = vec![
            (last - 2, vec![b'a']),
            (last, long.to_vec()),
            (single, vec![b'b']),
        ];
        expected.sort_unstable();
        assert_eq!(read, expected);
    });
}

#[test]
fn a_batch_that_a_full_ring_refuses_leaves_nothing_behind() {
    // The poll makes room for both records, in time for them or not.
    explore_outcomes(Preemptions::Unbounded, [false, true], || {
        let (mut publisher, mut poller) = ring(SLOTS, 1);
        for number in 1..=SLOTS as u64 - 1 {
            assert_eq!(publish(&mut publisher, &[0]), number);
        }
        let thread = thread::spawn(move || publisher.try_publish_all(&[&[1], &[2]]));
        let mut read = Vec::new();
        assert_eq!(poller.poll(1, |_, _| {}), 1);
        let is_published = match thread.join().unwrap() {
            Some(position) => {
                assert_eq!(position, SLOTS as u64 + 1);
                true
            }
            None => false,
        };
        drain(&mut poller, &mut read);
        let records: Vec<u8> = read.iter().map(|(_, record)| record[0]).collect();
        let expected = [0].repeat(SLOTS - 2).into_iter();
        let batch = is_published.then_some([1, 2]).into_iter().flatten();
        assert_eq!(records, expected.chain(batch).collect::<Vec<u8>>());
        is_published
    });
}

#[test]
fn a_publisher_never_overtakes_the_reader_of_a_full_ring() {
    // Each poll makes room for one record, in time for it or not.
    explore_outcomes(Preemptions::Unbounded, [0, 1, 2], || {
        let (mut publisher, mut poller) = ring(SLOTS, 1);
        for number in 1..=SLOTS as u64 {
            assert_eq!(publish(&mut publisher, &number.to_le_bytes()), number);
        }
        let thread = thread::spawn(move || {
            // Room comes with what is read, and not before.
            (65u64..=66)
                .filter_map(|number| publisher.try_publish(&number.to_le_bytes()))
                .collect::<Vec<u64>>()
        });
        let mut read = Vec::new();
        for _ in 0..2 {
            poller.poll(1, |position, record| {
                assert_eq!(record, position.to_le_bytes());
                read.push(position);
            });
        }
        let published = thread.join().unwrap();
        let last = SLOTS as u64 + published.len() as u64;
        while poller.poll(u64::MAX, |position, record| {
            if position <= SLOTS as u64 {
                assert_eq!(record, position.to_le_bytes());
            }
            read.push(position);
        }) > 0
        {}
        assert_eq!(read, (1..=last).collect::<Vec<u64>>());
        published.len()
    });
}

#[test]
fn two_publishers_race_for_the_one_slot_that_is_free() {
    explore_outcomes(Preemptions::Unbounded, ["mine", "theirs"], || {
        let (mut publisher, mut poller) = ring(SLOTS, 1);
        for _ in 1..SLOTS {
            publish(&mut publisher, &[0]);
        }
        let mut other = publisher.clone();
        let thread = thread::spawn(move || other.try_publish(&[1]));
        let mine = publisher.try_publish(&[2]);
        let theirs = thread.join().unwrap();
        let mut read = Vec::new();
        drain(&mut poller, &mut read);
        let (position, record) = read.pop().unwrap();
        assert_eq!(position, SLOTS as u64);
        match (mine, theirs) {
            (Some(64), None) => {
                assert_eq!(record, [2]);
                "mine"
            }
            (None, Some(64)) => {
                assert_eq!(record, [1]);
                "theirs"
            }
            both => panic!("{both:?}"),
        }
    });
}

#[test]
fn a_record_of_several_slots_is_read_whole_beside_another_publisher_over_the_wrap() {
    explore(Preemptions::Three, || {
        // Where it comes second its first slot is the last one of a round, and its parts become
        // visible one by one.
        let (publisher, mut poller) = ring(SLOTS, SLOTS as u64 - 1);
        let long: Vec<u8> = (0..SLOT_BYTES + 40).map(|byte| byte as u8).collect();
        let sent = long.clone();
        let mut long_publisher = publisher.clone();
        let long_thread = thread::spawn(move || publish(&mut long_publisher, &sent));
        let mut short_publisher = publisher;
        let short_thread = thread::spawn(move || publish(&mut short_publisher, b"short"));
        let mut read = Vec::new();
        for _ in 0..2 {
            poller.poll(1, |position, record| {
                read.push((position, record.to_vec()));
            });
        }
        let long_at = long_thread.join().unwrap();
        let short_at = short_thread.join().unwrap();
        drain(&mut poller, &mut read);
        let mut expected = [(long_at, long.clone()), (short_at, b"short".to_vec())];
        expected.sort();
        assert_eq!(read, expected);
    });
}

#[test]
fn a_seal_holds_against_every_publisher_or_leaves_what_was_published_to_be_read() {
    let taken_and_sealed = [
        ([false, false], true),
        ([true, false], true),
        ([true, true], true),
        ([true, true], false),
    ];
    explore_outcomes(Preemptions::Unbounded, taken_and_sealed, || {
        let (mut publisher, mut poller) = ring(SLOTS, 1);
        let mut sealer = publisher.clone();
        let thread =
            thread::spawn(move || [1, 2].map(|number| publisher.try_publish(&[number]).is_some()));
        // As a partition that closes: the seal is tried only behind a poll that found nothing more.
        let mut read = Vec::new();
        let mut sealed = false;
        for _ in 0..2 {
            drain(&mut poller, &mut read);
            sealed = sealer.try_seal();
            if sealed {
                break;
            }
        }
        let taken = thread.join().unwrap();
        if !sealed {
            drain(&mut poller, &mut read);
        }
        let read: Vec<u8> = read.into_iter().map(|(_, record)| record[0]).collect();
        let expected: Vec<u8> = [1, 2]
            .into_iter()
            .zip(taken)
            .filter_map(|(number, is_taken)| is_taken.then_some(number))
            .collect();
        assert_eq!(read, expected);
        (taken, sealed)
    });
}

#[test]
fn a_reader_that_parks_on_an_empty_ring_is_woken_by_a_publication() {
    explore(Preemptions::Unbounded, || {
        let (mut publisher, mut poller) = ring(SLOTS, 1);
        let signal = Arc::new(Signal::new());
        let notifies = Arc::clone(&signal);
        let thread = thread::spawn(move || {
            publish(&mut publisher, &[7]);
            notifies.notify();
        });
        signal.wait_until(|| poller.has_records());
        let mut read = Vec::new();
        drain(&mut poller, &mut read);
        assert_eq!(read, [(1, vec![7])]);
        thread.join().unwrap();
    });
}

#[test]
fn a_publisher_that_parks_on_a_full_ring_is_woken_by_a_poll() {
    explore(Preemptions::Unbounded, || {
        let (mut publisher, mut poller) = ring(SLOTS, 1);
        for _ in 0..SLOTS {
            publish(&mut publisher, &[0]);
        }
        let space = Arc::new(Signal::new());
        let waits = Arc::clone(&space);
        let thread = thread::spawn(move || {
            let mut position = None;
            waits.wait_until(|| {
                position = publisher.try_publish(&[1]);
                position.is_some()
            });
            position
        });
        assert_eq!(poller.poll(1, |_, _| {}), 1);
        space.notify();
        assert_eq!(thread.join().unwrap(), Some(65));
    });
}
