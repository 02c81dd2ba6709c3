//! Threads, and what they share: the bench's door to them.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the bench drives threads of its own; the engine's are explored by loom"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// A number that one thread raises and others look at; on cache lines of its own.
#[derive(Debug, Clone, Default)]
pub(super) struct Mark(Arc<Line>);

#[derive(Debug, Default)]
#[repr(align(128))]
struct Line(AtomicU64);

impl Mark {
    pub(super) fn get(&self) -> u64 {
        // ORDERING: acquire pairs with the release in `set`: what was done before is done.
        self.0.0.load(Ordering::Acquire)
    }

    pub(super) fn set(&self, value: u64) {
        // ORDERING: release pairs with the acquire in `get`.
        self.0.0.store(value, Ordering::Release);
    }
}

/// Tells threads to stop.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(super) fn now(&self) {
        // ORDERING: it carries nothing else.
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_asked(&self) -> bool {
        // ORDERING: it carries nothing else.
        self.0.load(Ordering::Relaxed)
    }
}

/// Lets other threads run.
pub(super) fn give_way() {
    thread::yield_now();
}

/// Sleeps.
pub(super) fn sleep(time: Duration) {
    thread::sleep(time);
}

/// The CPUs that this process may use.
pub(super) fn cpus() -> Vec<usize> {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    cores.into_iter().map(|core| core.id).collect()
}

/// Runs `work` on a thread of its own, pinned to `cpu`, and waits for it. What it calls for the
/// first time on a pinned thread would inherit the pin: set pipelines up before.
pub(super) fn on_cpu<T: Send>(cpu: Option<usize>, work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            pin(cpu);
            work()
        });
        match worker.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Pins the calling thread, where the machine lets it.
pub(super) fn pin(cpu: Option<usize>) {
    if let Some(id) = cpu {
        let _ = core_affinity::set_for_current(core_affinity::CoreId { id });
    }
}

/// Threads that compute nothing, without end, while `work` runs.
pub(super) fn beside_busy_loops<T>(loops: usize, work: impl FnOnce() -> T) -> T {
    /// Also when `work` panics: the scope would wait for ever.
    struct StopOnDrop(Stop);
    impl Drop for StopOnDrop {
        fn drop(&mut self) {
            self.0.now();
        }
    }
    let stop = Stop::default();
    thread::scope(|scope| {
        let _stopped = StopOnDrop(stop.clone());
        for _ in 0..loops {
            scope.spawn(|| {
                while !stop.is_asked() {
                    std::hint::spin_loop();
                }
            });
        }
        work()
    })
}
