//! Waiting: parking, yielding, spinning.
#![forbid(unsafe_code)]

use std::time::Duration;

use super::thread;

#[cfg(loom)]
use super::loom_parking as parking;
#[cfg(not(loom))]
use super::thread as parking;

pub(crate) use parking::Thread;

/// The thread that calls this, to be unparked.
pub(crate) fn current() -> Thread {
    parking::current()
}

/// Blocks this thread until it is unparked, or for no reason.
pub(crate) fn park() {
    parking::park();
}

/// Parks for at most `timeout`. Where time does not pass (under loom and shuttle), it parks until
/// unparked.
pub(crate) fn park_for(timeout: Duration) {
    #[cfg(not(any(loom, shuttle)))]
    thread::park_timeout(timeout);
    #[cfg(any(loom, shuttle))]
    {
        let _ = timeout;
        park();
    }
}

/// Lets another thread have the core.
pub(crate) fn yield_now() {
    thread::yield_now();
}

/// Tells the processor that this is a spin-wait; elsewhere it lets the other threads run.
#[inline]
pub(crate) fn spin_hint() {
    #[cfg(not(any(loom, shuttle)))]
    std::hint::spin_loop();
    #[cfg(any(loom, shuttle))]
    thread::yield_now();
}
