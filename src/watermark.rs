//! The one primitive that acknowledgements hang on: a number that only rises, and those who wait.
//!
//! The journal advances it after a sync returned `Ok`, and only then; receipts, reads and
//! subscriptions wait for it. A waiter that arrives before, during or after the advance is told
//! exactly once. After [`fail`](Watermark::fail) everything above the last value is an error, and
//! everything at or below it stays what it was.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};

use crossbeam::utils::CachePadded;

use crate::callback;
use crate::canary::{Canary, is_planted};
use crate::sync::{self, Arc, AtomicBool, AtomicU64, AtomicUsize, Mutex, Ordering, Thread, park};

/// The watermark failed before it reached the awaited value; whoever called `fail` knows why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failed;

/// A number that only rises. One thread at a time advances it; any number wait.
#[derive(Debug, Default)]
pub(crate) struct Watermark {
    value: CachePadded<AtomicU64>,
    failed: AtomicBool,
    /// How many waiters are registered. Changed under the lock, looked at without it, and always
    /// read and modified at once, as in [`Signal`](crate::idle::Signal).
    waiting: AtomicUsize,
    /// Whether `waiters.due` holds wakers for [`run_wakers`](Self::run_wakers).
    wakers_due: AtomicBool,
    waiters: Mutex<Waiters>,
}

#[derive(Debug, Default)]
struct Waiters {
    /// By awaited value, then by registration, so that an advance takes a prefix.
    registered: BTreeMap<(u64, u64), Waiter>,
    registrations: u64,
    due: Vec<Waker>,
}

#[derive(Debug)]
enum Waiter {
    Thread(Thread, Arc<AtomicBool>),
    Task(Waker),
}

/// A future's place among the waiters; handed back with [`Watermark::forget`].
pub(crate) type Registration = (u64, u64);

impl Watermark {
    pub(crate) fn new(value: u64) -> Self {
        let watermark = Self::default();
        // ORDERING: relaxed: not shared yet.
        watermark.value.store(value, Ordering::Relaxed);
        watermark
    }

    /// The current value; everything at or below it has happened before this call returns.
    #[inline]
    pub(crate) fn get(&self) -> u64 {
        // ORDERING: acquire pairs with the release in `advance`.
        self.value.load(Ordering::Acquire)
    }

    /// Raises the value and wakes the threads that it satisfies. Futures are only marked due:
    /// their wakers are the user's code and run in [`run_wakers`](Self::run_wakers). Returns
    /// whether some are due.
    pub(crate) fn advance(&self, to: u64) -> bool {
        // ORDERING: relaxed: only the one advancing thread writes it.
        debug_assert!(
            self.value.load(Ordering::Relaxed) <= to,
            "a watermark never falls"
        );
        // ORDERING: release publishes everything that the new value stands for to `get`.
        let release = if is_planted(Canary::AdvanceRelaxed) {
            Ordering::Relaxed
        } else {
            Ordering::Release
        };
        self.value.store(to, release);
        self.wake(to)
    }

    /// Ends the watermark where it stands and wakes everybody. Returns whether wakers are due.
    pub(crate) fn fail(&self) -> bool {
        // ORDERING: release publishes the last value and the cause to `check`.
        self.failed.store(true, Ordering::Release);
        self.wake(u64::MAX)
    }

    /// Whether somebody waits, as far as is known at this moment.
    pub(crate) fn has_waiters(&self) -> bool {
        // ORDERING: relaxed: a hint; who registers then notifies whoever acts on it.
        self.waiting.load(Ordering::Relaxed) > 0
    }

    fn wake(&self, to: u64) -> bool {
        let waiting = if is_planted(Canary::AdvanceMerelyLoads) {
            // ORDERING: relaxed: what is wrong with this canary.
            self.waiting.load(Ordering::Relaxed)
        } else {
            // ORDERING: release pairs with the acquire in `set_waiting`: a waiter that this does
            // not count sees the new value.
            self.waiting.fetch_add(0, Ordering::Release)
        };
        if waiting == 0 {
            return false;
        }
        let mut waiters = sync::lock(&self.waiters);
        let above = match to.checked_add(1) {
            Some(next) => waiters.registered.split_off(&(next, 0)),
            None => BTreeMap::new(),
        };
        for waiter in std::mem::replace(&mut waiters.registered, above).into_values() {
            match waiter {
                Waiter::Thread(thread, woken) => {
                    // ORDERING: release, so that the woken thread sees the new value.
                    woken.store(true, Ordering::Release);
                    thread.unpark();
                }
                Waiter::Task(waker) => waiters.due.push(waker),
            }
        }
        self.set_waiting(waiters.registered.len());
        let due = !waiters.due.is_empty();
        // ORDERING: relaxed: the thread that runs the wakers takes the lock to get them.
        self.wakers_due.store(due, Ordering::Relaxed);
        due
    }

    /// Runs the wakers that became due; a panicking one is contained and costs nobody else theirs.
    pub(crate) fn run_wakers(&self) {
        // ORDERING: relaxed: whoever made them due notifies this thread afterwards.
        if !self.wakers_due.load(Ordering::Relaxed) {
            return;
        }
        let due = {
            let mut waiters = sync::lock(&self.waiters);
            // ORDERING: relaxed: written under the lock.
            self.wakers_due.store(false, Ordering::Relaxed);
            std::mem::take(&mut waiters.due)
        };
        due.into_iter().for_each(callback::wake);
    }

    /// Whether wakers wait for [`run_wakers`](Self::run_wakers).
    pub(crate) fn has_wakers_due(&self) -> bool {
        // ORDERING: relaxed: see `run_wakers`.
        self.wakers_due.load(Ordering::Relaxed)
    }

    /// Whether `target` was reached, can still be reached (`Pending`), or never will be.
    pub(crate) fn check(&self, target: u64) -> Poll<Result<(), Failed>> {
        if self.get() >= target {
            return Poll::Ready(Ok(()));
        }
        // ORDERING: acquire pairs with the release in `fail`.
        if !self.failed.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        // The last advance came before the failure: without this second look a waiter could be
        // told that an event failed which had become durable in between.
        let is_reached = !is_planted(Canary::FailureWithoutSecondLook) && self.get() >= target;
        Poll::Ready(if is_reached { Ok(()) } else { Err(Failed) })
    }

    /// Blocks until `target` is reached. It parks at once: spinning across a sync only takes the
    /// core from those who work towards it.
    pub(crate) fn wait(&self, target: u64) -> Result<(), Failed> {
        self.wait_announced(target, || {})
    }

    /// As [`wait`](Self::wait); `announce` runs when this waiter can be [seen](Self::has_waiters).
    pub(crate) fn wait_announced(
        &self,
        target: u64,
        mut announce: impl FnMut(),
    ) -> Result<(), Failed> {
        loop {
            if let Poll::Ready(outcome) = self.check(target) {
                return outcome;
            }
            let woken = Arc::new(AtomicBool::new(false));
            let registration =
                self.register(target, Waiter::Thread(sync::current(), Arc::clone(&woken)));
            if let Poll::Ready(outcome) = self.check(target) {
                self.forget(registration);
                return outcome;
            }
            announce();
            // ORDERING: acquire pairs with the release in `wake`.
            while !woken.load(Ordering::Acquire) {
                park();
            }
        }
    }

    /// A future's step; `registration` is its place among the waiters between two polls.
    pub(crate) fn poll(
        &self,
        target: u64,
        registration: &mut Option<Registration>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Failed>> {
        if let Some(registration) = registration.take() {
            self.forget(registration);
        }
        if let Poll::Ready(outcome) = self.check(target) {
            return Poll::Ready(outcome);
        }
        let place = self.register(target, Waiter::Task(context.waker().clone()));
        if !is_planted(Canary::PollWithoutRecheck)
            && let Poll::Ready(outcome) = self.check(target)
        {
            self.forget(place);
            return Poll::Ready(outcome);
        }
        *registration = Some(place);
        Poll::Pending
    }

    /// Takes a waiter back that no longer waits. Its waker may still be woken once, spuriously.
    pub(crate) fn forget(&self, registration: Registration) {
        // Dropping a waker can drop a task, and with it a receipt that comes back here: so it is
        // dropped after the lock is released.
        let _forgotten = {
            let mut waiters = sync::lock(&self.waiters);
            let forgotten = waiters.registered.remove(&registration);
            self.set_waiting(waiters.registered.len());
            forgotten
        };
    }

    fn register(&self, target: u64, waiter: Waiter) -> Registration {
        let mut waiters = sync::lock(&self.waiters);
        waiters.registrations += 1;
        let registration = (target, waiters.registrations);
        waiters.registered.insert(registration, waiter);
        self.set_waiting(waiters.registered.len());
        registration
    }

    /// Under the lock.
    fn set_waiting(&self, count: usize) {
        if is_planted(Canary::RegisterMerelyStores) {
            // ORDERING: relaxed: what is wrong with this canary.
            self.waiting.store(count, Ordering::Relaxed);
            return;
        }
        // ORDERING: acquire pairs with the release in every `wake` that came before, for the
        // waiter's re-check.
        self.waiting.swap(count, Ordering::Acquire);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_value_reached_before_the_failure_stays_reached() {
        let watermark = Watermark::new(0);
        watermark.advance(7);
        watermark.fail();
        assert_eq!(watermark.wait(7), Ok(()));
        assert_eq!(watermark.wait(8), Err(Failed));
    }

    #[test]
    fn waiters_are_woken_by_the_advance_that_reaches_them_and_by_no_earlier_one() {
        let watermark = Arc::new(Watermark::new(0));
        let waiters: Vec<_> = [1u64, 5, 9]
            .into_iter()
            .map(|target| {
                let watermark = Arc::clone(&watermark);
                sync::spawn_named("waiter".into(), move || {
                    watermark.wait(target).unwrap();
                    assert!(watermark.get() >= target);
                })
                .unwrap()
            })
            .collect();
        for value in 1..=9 {
            watermark.advance(value);
        }
        for waiter in waiters {
            waiter.join().unwrap();
        }
    }

    #[test]
    fn a_panicking_waker_costs_the_next_one_nothing() {
        struct Panics;
        impl std::task::Wake for Panics {
            fn wake(self: std::sync::Arc<Self>) {
                panic!("a waker that panics");
            }
        }
        struct Counts(sync::Statistic);
        impl std::task::Wake for Counts {
            fn wake(self: std::sync::Arc<Self>) {
                self.0.add(1);
            }
        }
        let watermark = Watermark::new(0);
        let counts = std::sync::Arc::new(Counts(sync::Statistic::default()));
        let (bad, good) = (
            Waker::from(std::sync::Arc::new(Panics)),
            Waker::from(std::sync::Arc::clone(&counts)),
        );
        for waker in [&bad, &good] {
            let mut place = None;
            assert!(
                watermark
                    .poll(3, &mut place, &mut Context::from_waker(waker))
                    .is_pending()
            );
        }
        assert!(watermark.advance(3));
        watermark.run_wakers();
        assert_eq!(counts.0.get(), 1);
    }
}
