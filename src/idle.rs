//! Waiting that gives way: spin briefly, yield briefly, then park until notified.
//!
//! Busy waiting alone collapses as soon as threads outnumber cores (measured: a busy-spin
//! disruptor with three consumers on two cores falls to 0.1 M events/s), and a thread that never
//! sleeps burns a core while nothing happens. So every wait of the engine, of publishers as of its
//! own threads, goes through [`Signal`].

use std::time::Duration;

use crossbeam::utils::CachePadded;

use crate::canary::{Canary, is_planted};
use crate::clock::Moment;
use crate::sync::{
    self, AtomicBool, AtomicUsize, Mutex, Ordering, Thread, fence, park, park_for, spin_hint,
    yield_now,
};

/// Rounds of `PAUSE` before yielding: about 2 µs, less than a park and unpark costs.
#[cfg(not(any(loom, shuttle)))]
const SPIN_ROUNDS: u32 = 6;
/// Yields before parking: enough to hand the core to a runnable peer a few times.
#[cfg(not(any(loom, shuttle)))]
const YIELD_ROUNDS: u32 = 8;
// Loom and shuttle would explore every round; the protocol is the same with none.
#[cfg(any(loom, shuttle))]
const SPIN_ROUNDS: u32 = 0;
#[cfg(any(loom, shuttle))]
const YIELD_ROUNDS: u32 = 0;

/// An event count: threads wait until a condition of their own holds, others announce that it may.
///
/// The notifier first changes what the condition reads, then calls [`notify`](Self::notify); a
/// waiter registers, re-checks its condition, and only then parks. With nobody parked a notify is a
/// fence and a load.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    /// How many threads are registered. Written under the lock, read without it.
    parked: CachePadded<AtomicUsize>,
    sleepers: Mutex<Vec<Sleeper>>,
}

#[derive(Debug)]
struct Sleeper {
    thread: Thread,
    woken: sync::Arc<AtomicBool>,
}

impl Signal {
    pub(crate) fn new() -> Self {
        Self {
            parked: CachePadded::new(AtomicUsize::new(0)),
            sleepers: Mutex::new(Vec::new()),
        }
    }

    /// Wakes every parked thread; the caller has already changed what they wait for.
    #[inline]
    pub(crate) fn notify(&self) {
        // ORDERING: pairs with the fence in `wait_for`. Either the waiter's re-check sees the
        // change made before this fence, or this load sees the waiter's registration made before
        // its fence; a release store and an acquire load would allow both to be missed.
        if !is_planted(Canary::NotifyWithoutFence) {
            fence(Ordering::SeqCst);
        }
        // ORDERING: relaxed, ordered by the fence above.
        if self.parked.load(Ordering::Relaxed) != 0 {
            self.wake_all();
        }
    }

    #[cold]
    fn wake_all(&self) {
        let mut sleepers = sync::lock(&self.sleepers);
        for sleeper in sleepers.drain(..) {
            // ORDERING: release, so that the woken thread sees what the notifier did.
            sleeper.woken.store(true, Ordering::Release);
            sleeper.thread.unpark();
            if is_planted(Canary::OnlyOneWoken) {
                break;
            }
        }
        // ORDERING: relaxed: a notifier that still reads the old count takes the lock for nothing.
        self.parked.store(0, Ordering::Relaxed);
    }

    /// Returns as soon as `ready` does. `ready` may be called any number of times.
    pub(crate) fn wait_until(&self, ready: impl FnMut() -> bool) {
        self.wait_for(None, ready);
    }

    /// As [`wait_until`](Self::wait_until), for at most `timeout`; says whether `ready` held.
    pub(crate) fn wait_for(
        &self,
        timeout: Option<Duration>,
        mut ready: impl FnMut() -> bool,
    ) -> bool {
        for round in 0..SPIN_ROUNDS {
            if ready() {
                return true;
            }
            for _ in 0..1u32 << round {
                spin_hint();
            }
        }
        for _ in 0..YIELD_ROUNDS {
            if ready() {
                return true;
            }
            yield_now();
        }
        let deadline = timeout.map(|timeout| (Moment::now(), timeout));
        loop {
            let woken = self.register();
            // ORDERING: pairs with the fence in `notify`, see there.
            if !is_planted(Canary::ParkWithoutFence) {
                fence(Ordering::SeqCst);
            }
            if !is_planted(Canary::ParkWithoutRecheck) && ready() {
                self.deregister(&woken);
                return true;
            }
            // ORDERING: acquire pairs with the release in `wake_all`.
            while !woken.load(Ordering::Acquire) {
                match deadline {
                    None => park(),
                    Some((start, timeout)) => match timeout.checked_sub(start.elapsed()) {
                        Some(left) => park_for(left),
                        None => {
                            self.deregister(&woken);
                            return ready();
                        }
                    },
                }
            }
            if ready() {
                return true;
            }
        }
    }

    fn register(&self) -> sync::Arc<AtomicBool> {
        let woken = sync::Arc::new(AtomicBool::new(false));
        let mut sleepers = sync::lock(&self.sleepers);
        sleepers.push(Sleeper {
            thread: sync::current(),
            woken: sync::Arc::clone(&woken),
        });
        // ORDERING: relaxed, ordered by the fence that the caller issues next.
        self.parked.store(sleepers.len(), Ordering::Relaxed);
        woken
    }

    fn deregister(&self, woken: &sync::Arc<AtomicBool>) {
        let mut sleepers = sync::lock(&self.sleepers);
        sleepers.retain(|sleeper| !sync::Arc::ptr_eq(&sleeper.woken, woken));
        // ORDERING: relaxed: too high a count costs a notifier a lock, nothing else.
        self.parked.store(sleepers.len(), Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sync::{Arc, AtomicU64};

    #[test]
    fn a_parked_thread_is_woken_by_a_notify_that_follows_the_change() {
        let signal = Arc::new((Signal::new(), AtomicU64::new(0)));
        let waiter = {
            let signal = Arc::clone(&signal);
            sync::spawn_named("waiter".into(), move || {
                for round in 1..=1000 {
                    signal
                        .0
                        .wait_until(|| signal.1.load(Ordering::Relaxed) >= round);
                }
            })
            .unwrap()
        };
        for round in 1..=1000 {
            signal.1.store(round, Ordering::Relaxed);
            signal.0.notify();
            if round % 10 == 0 {
                yield_now();
            }
        }
        waiter.join().unwrap();
    }

    #[test]
    fn a_wait_with_a_timeout_ends_when_nobody_notifies() {
        let signal = Signal::new();
        assert!(!signal.wait_for(Some(Duration::from_millis(5)), || false));
        assert_eq!(signal.parked.load(Ordering::Relaxed), 0);
    }
}
