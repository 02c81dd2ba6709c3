//! The door to the clock. The engine reads it once a batch, never once an event.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods)]

use std::time::{Duration, Instant, SystemTime};

#[cfg(feature = "sim")]
thread_local! {
    /// What a simulation on this thread says the time is.
    static SIMULATED_NS: std::cell::Cell<Option<u64>> = const { std::cell::Cell::new(None) };
}

/// Nanoseconds since the Unix epoch by the wall clock; 0 when the clock stands before it.
pub(crate) fn wall_ns() -> u64 {
    #[cfg(feature = "sim")]
    if let Some(now_ns) = SIMULATED_NS.get() {
        return now_ns;
    }
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        })
}

/// A point on the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(Instant);

impl Moment {
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Has this thread's wall clock stand still at a moment, until dropped.
#[cfg(feature = "sim")]
#[derive(Debug)]
pub(crate) struct SimulatedClock(Option<u64>);

#[cfg(feature = "sim")]
impl SimulatedClock {
    pub(crate) fn at(now_ns: u64) -> Self {
        Self(SIMULATED_NS.replace(Some(now_ns)))
    }
}

#[cfg(feature = "sim")]
impl Drop for SimulatedClock {
    fn drop(&mut self) {
        SIMULATED_NS.set(self.0);
    }
}
