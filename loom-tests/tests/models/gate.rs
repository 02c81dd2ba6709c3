//! `partition::Gate`: closing and poison reach everybody who waits.

use std::sync::Arc;

use loom::thread;
use ringlog::internal::{Failed, Gate, Poison, Refused, Signal};
use ringlog_loom_tests::{Preemptions, explore};

fn gate() -> Arc<Gate> {
    Arc::new(Gate::new(&Signal::new()))
}

fn poison() -> Poison {
    Poison::Engine {
        partition: 0,
        message: "planted".into(),
    }
}

/// A publisher that finds no room, ever.
fn publisher(gate: &Arc<Gate>) -> thread::JoinHandle<Refused> {
    let gate = Arc::clone(gate);
    thread::spawn(move || {
        let mut refused = None;
        gate.wait_for_space(|| {
            refused = gate.check_open().err();
            refused.is_some()
        });
        refused.unwrap()
    })
}

#[test]
fn a_publisher_that_waits_for_room_is_released_by_poison() {
    explore(Preemptions::Unbounded, || {
        let gate = gate();
        let publisher = publisher(&gate);
        gate.poison(poison());
        assert_eq!(publisher.join().unwrap(), Refused::Poisoned);
    });
}

#[test]
fn publishers_that_wait_for_room_are_each_released_by_poison() {
    explore(Preemptions::Three, || {
        let gate = gate();
        let publishers = [publisher(&gate), publisher(&gate)];
        gate.poison(poison());
        for publisher in publishers {
            assert_eq!(publisher.join().unwrap(), Refused::Poisoned);
        }
    });
}

#[test]
fn publishers_that_wait_for_room_are_released_by_the_close() {
    explore(Preemptions::Three, || {
        let gate = gate();
        let publishers = [publisher(&gate), publisher(&gate)];
        gate.start_closing();
        for publisher in publishers {
            assert_eq!(publisher.join().unwrap(), Refused::Closed);
        }
    });
}

#[test]
fn a_partition_that_is_poisoned_beside_its_close_stays_poisoned() {
    explore(Preemptions::Unbounded, || {
        let gate = gate();
        let closes = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || {
                gate.start_closing();
                gate.finish_closing();
            })
        };
        gate.poison(poison());
        closes.join().unwrap();
        assert_eq!(gate.check_open(), Err(Refused::Poisoned));
        assert!(gate.is_closing());
    });
}

#[test]
fn whoever_is_told_that_an_event_failed_finds_the_cause() {
    explore(Preemptions::Three, || {
        let gate = gate();
        let waiters = [1, 2].map(|position| {
            let gate = Arc::clone(&gate);
            thread::spawn(move || {
                let outcome = gate.wait_settled(position);
                assert!(outcome.is_ok() || gate.has_receipt_poison());
                outcome
            })
        });
        gate.settle(1);
        gate.poison(poison());
        gate.fail_receipts(poison());
        let outcomes = waiters.map(|waiter| waiter.join().unwrap());
        assert_eq!(outcomes, [Ok(()), Err(Failed)]);
    });
}
