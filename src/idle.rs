//! Waiting that gives way: spin briefly, yield briefly, then park until notified.
//!
//! Busy waiting alone collapses as soon as threads outnumber cores (measured: a busy-spin
//! disruptor with three consumers on two cores falls to 0.1 M events/s), and a thread that never
//! sleeps burns a core while nothing happens. So every wait of the engine, of publishers as of its
//! own threads, goes through [`Signal`].
#![forbid(unsafe_code)]

use std::time::Duration;

use crossbeam::utils::CachePadded;

use crate::canary::{Canary, is_planted};
use crate::clock::Moment;
use crate::sync::{
    self, AtomicU64, AtomicUsize, Mutex, Ordering, Thread, park, park_for, spin_hint, yield_now,
};

/// Rounds of a few `PAUSE`s before yielding: about 2 µs, less than a park and unpark costs.
#[cfg(not(any(loom, shuttle)))]
const SPIN_ROUNDS: u32 = 16;
const SPIN_PAUSES: u32 = 4;
/// Yields before parking: enough to hand the core to a runnable peer a few times.
#[cfg(not(any(loom, shuttle)))]
const YIELD_ROUNDS: u32 = 8;
/// Rounds of `PAUSE` in [`linger`].
#[cfg(not(any(loom, shuttle)))]
const LINGER_ROUNDS: u32 = 32;
// Loom and shuttle would explore every round; the protocol is the same with none.
#[cfg(any(loom, shuttle))]
const SPIN_ROUNDS: u32 = 0;
#[cfg(any(loom, shuttle))]
const YIELD_ROUNDS: u32 = 0;
#[cfg(any(loom, shuttle))]
const LINGER_ROUNDS: u32 = 0;

/// Gives whoever produces a moment, of about 1 µs, before it is looked again what there is.
///
/// Looking takes the cache lines that a producer is writing away from it. A reader that keeps up
/// with a fast stream looks after every few records, and makes the stream several times slower than
/// one that reads some dozens at a time (measured: 10 and 40 M records/s).
pub(crate) fn linger() {
    for _ in 0..LINGER_ROUNDS {
        spin_hint();
    }
}

/// An event count: threads wait until a condition of their own holds, others announce that it may.
///
/// The notifier first changes what the condition reads, then calls [`notify`](Self::notify); a
/// waiter registers, re-checks its condition, and only then parks. With nobody parked a notify is
/// one atomic operation.
///
/// A notify and a registration both read and modify `parked`, and nobody merely writes it: so one of
/// them comes first, and the other one sees everything that was done before it. Either the
/// notifier's sees the waiter, or the waiter's re-check sees the change. On x86-64 the notifier's,
/// which adds nothing, is compiled to a fence and a load: publishers do not take the line from each
/// other. On ARM they do.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    /// How many threads are registered. Changed under the lock, looked at without it.
    parked: CachePadded<AtomicUsize>,
    /// The last registration that was woken, and with it every earlier one.
    woken: AtomicU64,
    sleepers: Mutex<Sleepers>,
}

#[derive(Debug)]
struct Sleepers {
    registrations: u64,
    registered: Vec<(u64, Thread)>,
}

impl Default for Sleepers {
    /// Room for as many as usually sleep at once: to go to sleep takes no memory then.
    fn default() -> Self {
        Self {
            registrations: 0,
            registered: Vec::with_capacity(8),
        }
    }
}

impl Signal {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Wakes every parked thread; the caller has already changed what they wait for.
    #[inline]
    pub(crate) fn notify(&self) {
        let parked = if is_planted(Canary::NotifyMerelyLoads) {
            // ORDERING: relaxed: what is wrong with this canary.
            self.parked.load(Ordering::Relaxed)
        } else {
            // ORDERING: release pairs with the acquire in `set_parked`: a waiter that this does not
            // count sees the change. Whoever comes in between reads and modifies, too, and so
            // passes it on.
            self.parked.fetch_add(0, Ordering::Release)
        };
        if parked != 0 {
            self.wake_all();
        }
    }

    #[cold]
    fn wake_all(&self) {
        let mut sleepers = sync::lock(&self.sleepers);
        // ORDERING: release pairs with the acquire in `wait_for`: the woken see what the notifier
        // did.
        self.woken.store(sleepers.registrations, Ordering::Release);
        for (_, thread) in sleepers.registered.drain(..) {
            thread.unpark();
            if is_planted(Canary::OnlyOneWoken) {
                break;
            }
        }
        self.set_parked(0);
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
        for _ in 0..SPIN_ROUNDS {
            if ready() {
                return true;
            }
            for _ in 0..SPIN_PAUSES {
                spin_hint();
            }
        }
        for _ in 0..YIELD_ROUNDS {
            if ready() {
                return true;
            }
            yield_now();
        }
        // Where time does not pass, it must not run out either: a run would depend on the clock.
        let timeout = timeout.filter(|_| !cfg!(any(loom, shuttle)));
        let deadline = timeout.map(|timeout| (Moment::now(), timeout));
        loop {
            let registration = self.register();
            if !is_planted(Canary::ParkWithoutRecheck) && ready() {
                self.deregister(registration);
                return true;
            }
            // ORDERING: acquire pairs with the release in `wake_all`.
            while self.woken.load(Ordering::Acquire) < registration {
                match deadline {
                    None => park(),
                    Some((start, timeout)) => match timeout.checked_sub(start.elapsed()) {
                        Some(left) => park_for(left),
                        None => {
                            self.deregister(registration);
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

    fn register(&self) -> u64 {
        let mut sleepers = sync::lock(&self.sleepers);
        sleepers.registrations += 1;
        let registration = sleepers.registrations;
        sleepers.registered.push((registration, sync::current()));
        self.set_parked(sleepers.registered.len());
        registration
    }

    fn deregister(&self, registration: u64) {
        let mut sleepers = sync::lock(&self.sleepers);
        sleepers.registered.retain(|(of, _)| *of != registration);
        self.set_parked(sleepers.registered.len());
    }

    /// Under the lock.
    fn set_parked(&self, count: usize) {
        if is_planted(Canary::ParkMerelyStores) {
            // ORDERING: relaxed: what is wrong with this canary.
            self.parked.store(count, Ordering::Relaxed);
            return;
        }
        // ORDERING: acquire pairs with the release in every `notify` that came before, for the
        // waiter's re-check.
        self.parked.swap(count, Ordering::Acquire);
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
