//! `partition::Exchange`: groups go to the journaler in order, and their buffers come back.

use std::sync::Arc;

use loom::thread;
use ringlog::internal::{BUFFERS, Exchange, Gate, Group, Signal, Watermark};
use ringlog_loom_tests::{Plain, Preemptions, explore};

/// The journaler's loop: what it takes it "writes", settles and gives back.
fn journal(exchange: &Exchange, worker: &Signal, mut write: impl FnMut(&Group)) {
    loop {
        while let Some(group) = exchange.take_full() {
            write(&group);
            exchange.give_back(group);
            worker.notify();
        }
        if exchange.is_drained() {
            return;
        }
        exchange.wait();
    }
}

#[test]
fn the_end_is_never_seen_before_the_last_group() {
    explore(Preemptions::Three, || {
        let exchange = Arc::new(Exchange::new());
        let partition = {
            let exchange = Arc::clone(&exchange);
            thread::spawn(move || {
                exchange.hand_over(Group::new().settles(1));
                exchange.end();
            })
        };
        let mut written = vec![];
        journal(&exchange, &Signal::new(), |group| {
            written.push(group.settles_position());
        });
        assert_eq!(written, [1]);
        partition.join().unwrap();
        assert!(exchange.take_empty().is_some());
    });
}

#[test]
fn a_journaler_with_nothing_to_write_sees_the_end() {
    explore(Preemptions::Unbounded, || {
        let exchange = Arc::new(Exchange::new());
        let partition = {
            let exchange = Arc::clone(&exchange);
            thread::spawn(move || exchange.end())
        };
        journal(&exchange, &Signal::new(), |_| {
            panic!("no group was handed over")
        });
        partition.join().unwrap();
    });
}

#[test]
fn groups_arrive_in_order_while_the_pool_runs_dry_and_is_refilled() {
    explore(Preemptions::Three, || {
        let shared = Arc::new((Exchange::new(), Signal::new()));
        let journaler = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut written = vec![];
                journal(&shared.0, &shared.1, |group| {
                    written.push(group.settles_position());
                });
                written
            })
        };
        let (exchange, worker) = &*shared;
        let mut pool: Vec<_> = (0..BUFFERS).map(|_| Group::new()).collect();
        let groups = BUFFERS as u64 + 1;
        for position in 1..=groups {
            while pool.is_empty() {
                worker.wait_until(|| exchange.has_empty());
                pool.extend(exchange.take_empty());
            }
            let group = pool.pop().unwrap();
            exchange.hand_over(group.settles(position));
        }
        exchange.end();
        let written = journaler.join().unwrap();
        assert_eq!(written, (1..=groups).collect::<Vec<_>>());
        // Every buffer is back, each once.
        while let Some(group) = exchange.take_empty() {
            pool.push(group);
        }
        assert_eq!(pool.len(), BUFFERS);
    });
}

/// The journaler settles what it wrote; when nothing is at the journal the partition settles what
/// needs no writing. The turns must follow each other, or the position would fall (which the
/// watermark asserts).
#[test]
fn the_settled_position_passes_between_journaler_and_partition_without_falling() {
    explore(Preemptions::Three, || {
        let shared = Arc::new((Exchange::new(), Signal::new(), Watermark::new(0)));
        let journaler = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (exchange, worker, settled) = &*shared;
                journal(exchange, worker, |group| {
                    settled.advance(group.settles_position());
                });
            })
        };
        let (exchange, worker, settled) = &*shared;
        exchange.hand_over(Group::new().settles(1));
        worker.wait_until(|| exchange.has_empty());
        let group = exchange.take_empty().expect("one came back");
        assert_eq!(settled.get(), 1);
        settled.advance(2);
        exchange.hand_over(group.settles(3));
        exchange.end();
        assert_eq!(settled.wait(3), Ok(()));
        journaler.join().unwrap();
    });
}

#[test]
fn a_receipt_is_settled_only_by_a_group_that_was_written() {
    explore(Preemptions::Three, || {
        let worker = Signal::new();
        let gate = Gate::new(&worker);
        let shared = Arc::new((Exchange::new(), gate, worker, Plain::new(0)));
        let journaler = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (exchange, gate, worker, written) = &*shared;
                journal(exchange, worker, |group| {
                    written.write(group.settles_position());
                    gate.settle(group.settles_position());
                });
            })
        };
        let waiter = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                assert_eq!(shared.1.wait_settled(1), Ok(()));
                assert_eq!(shared.3.read(), 1);
            })
        };
        shared.0.hand_over(Group::new().settles(1));
        shared.0.end();
        waiter.join().unwrap();
        journaler.join().unwrap();
    });
}
