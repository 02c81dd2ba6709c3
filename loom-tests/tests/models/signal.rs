//! `idle::Signal`: whoever waits for a condition is woken by the notify that follows the change.

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use loom::thread;
use ringlog::internal::Signal;
use ringlog_loom_tests::{Preemptions, explore};

#[test]
fn a_change_announced_before_during_or_after_parking_is_seen() {
    explore(Preemptions::Unbounded, || {
        let shared = Arc::new((Signal::new(), AtomicBool::new(false)));
        let waiter = {
            let shared = Arc::clone(&shared);
            // Relaxed on purpose: the signal alone must order the change.
            thread::spawn(move || shared.0.wait_until(|| shared.1.load(Ordering::Relaxed)))
        };
        shared.1.store(true, Ordering::Relaxed);
        shared.0.notify();
        // A lost wake-up is a deadlock here, which loom reports.
        waiter.join().unwrap();
    });
}

#[test]
fn one_notify_wakes_two_waiters() {
    explore(Preemptions::Three, || {
        let shared = Arc::new((Signal::new(), AtomicBool::new(false)));
        let waiters = [0, 1].map(|_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.0.wait_until(|| shared.1.load(Ordering::Relaxed)))
        });
        shared.1.store(true, Ordering::Relaxed);
        shared.0.notify();
        for waiter in waiters {
            waiter.join().unwrap();
        }
    });
}

#[test]
fn a_waiter_woken_for_another_ones_change_waits_on_for_its_own() {
    explore(Preemptions::Three, || {
        let shared = Arc::new((Signal::new(), AtomicU8::new(0)));
        let waiters = [1, 2].map(|awaited| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared
                    .0
                    .wait_until(|| shared.1.load(Ordering::Relaxed) >= awaited);
            })
        });
        for value in [1, 2] {
            shared.1.store(value, Ordering::Relaxed);
            shared.0.notify();
        }
        for waiter in waiters {
            waiter.join().unwrap();
        }
    });
}

#[test]
fn a_waiter_for_two_changes_by_two_threads_misses_neither() {
    explore(Preemptions::Three, || {
        let shared = Arc::new((
            Signal::new(),
            [AtomicBool::new(false), AtomicBool::new(false)],
        ));
        let notifiers = [0, 1].map(|index: usize| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.1[index].store(true, Ordering::Relaxed);
                shared.0.notify();
            })
        });
        shared
            .0
            .wait_until(|| shared.1.iter().all(|flag| flag.load(Ordering::Relaxed)));
        for notifier in notifiers {
            notifier.join().unwrap();
        }
    });
}

/// A slot with room for one value, as the ring is to a publisher and its partition: one side waits
/// while it is full, the other while it is empty.
#[test]
fn neither_side_of_a_slot_sleeps_through_its_turn() {
    struct Slot {
        value: UnsafeCell<u8>,
        is_full: AtomicBool,
        work: Signal,
        space: Signal,
    }
    // SAFETY: loom checks every access to `value`, which is what this model is for.
    unsafe impl Sync for Slot {}
    // SAFETY: as above.
    unsafe impl Send for Slot {}

    explore(Preemptions::Three, || {
        let slot = Arc::new(Slot {
            value: UnsafeCell::new(0),
            is_full: AtomicBool::new(false),
            work: Signal::new(),
            space: Signal::new(),
        });
        let publisher = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || {
                for value in [1, 2] {
                    slot.space
                        .wait_until(|| !slot.is_full.load(Ordering::Acquire));
                    // SAFETY: loom checks that nobody else accesses it.
                    slot.value.with_mut(|place| unsafe { *place = value });
                    slot.is_full.store(true, Ordering::Release);
                    slot.work.notify();
                }
            })
        };
        for expected in [1, 2] {
            slot.work
                .wait_until(|| slot.is_full.load(Ordering::Acquire));
            // SAFETY: loom checks that nobody writes it.
            let value = slot.value.with(|place| unsafe { *place });
            assert_eq!(value, expected);
            slot.is_full.store(false, Ordering::Release);
            slot.space.notify();
        }
        publisher.join().unwrap();
    });
}
