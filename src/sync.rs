//! The door to shared memory and threads: `std`'s in the product, `loom`'s under `cfg(loom)`.
//!
//! No other module names atomics, locks, parking or thread creation, so that whatever they build
//! can be explored by the models in `loom-tests/`.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

#[cfg(loom)]
pub(crate) use loom::{
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering, fence},
    },
    thread::{Thread, current, park, yield_now},
};
#[cfg(not(loom))]
pub(crate) use std::{
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering, fence},
    },
    thread::{Thread, current, park, yield_now},
};

pub(crate) use std::sync::{Arc, OnceLock};
pub(crate) use std::thread::{JoinHandle, scope};

use std::time::Duration;

/// Tells the processor that this is a spin-wait; under loom it lets the other threads run.
#[inline]
pub(crate) fn spin_hint() {
    #[cfg(not(loom))]
    std::hint::spin_loop();
    #[cfg(loom)]
    loom::thread::yield_now();
}

/// Parks for at most `timeout`. Under loom, where time does not pass, it parks until unparked.
pub(crate) fn park_for(timeout: Duration) {
    #[cfg(not(loom))]
    std::thread::park_timeout(timeout);
    #[cfg(loom)]
    {
        let _ = timeout;
        loom::thread::park();
    }
}

/// Locks a mutex whose poisoning carries no information.
///
/// The engine runs no user code under its locks, so a poisoned lock means that one of our own
/// threads panicked between two plain assignments; the data is still well formed.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Starts a named thread.
///
/// # Errors
///
/// When the operating system refuses another thread.
pub(crate) fn spawn_named<T: Send + 'static>(
    name: String,
    body: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<JoinHandle<T>> {
    std::thread::Builder::new().name(name).spawn(body)
}

/// How many threads this process may run at once: its allowed CPUs.
pub(crate) fn allowed_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
