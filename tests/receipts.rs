//! Receipts: waited for, polled, dropped, detached.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's"
)]

mod support;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use support::{added, open};

/// Unparks the thread that polls, and counts.
struct Unparks(thread::Thread, AtomicUsize);

impl Wake for Unparks {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let unparks = Arc::new(Unparks(thread::current(), AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&unparks));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            assert!(unparks.1.load(Ordering::SeqCst) <= 1, "woken once at most");
            return output;
        }
        thread::park();
    }
}

#[test]
fn a_receipt_is_a_future_and_may_be_taken_to_another_thread() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    let publisher = pipeline.publisher();
    for amount in 0..200 {
        let receipt = publisher.publish(&added(amount, amount)).unwrap();
        if amount % 2 == 0 {
            block_on(receipt).unwrap();
        } else {
            let receipt = receipt.detach();
            thread::spawn(move || block_on(receipt))
                .join()
                .unwrap()
                .unwrap();
        }
    }
}

#[test]
fn receipts_may_be_dropped_at_any_time_also_after_a_poll() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let publisher = pipeline.publisher();
    let waker = Waker::noop();
    for amount in 0..2_000 {
        let mut receipt = publisher.publish(&added(1, amount)).unwrap();
        if amount % 3 == 0 {
            let _ = std::pin::Pin::new(&mut receipt).poll(&mut Context::from_waker(waker));
        }
        drop(receipt);
    }
    assert_eq!(pipeline.close().unwrap().events(), 2_000);
}

#[test]
fn many_waiters_of_many_threads_are_all_answered() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    thread::scope(|scope| {
        for counter in 0..16 {
            let publisher = pipeline.publisher();
            scope.spawn(move || {
                for amount in 0..50 {
                    publisher
                        .publish(&added(counter, amount))
                        .unwrap()
                        .wait()
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(pipeline.close().unwrap().events(), 800);
}
