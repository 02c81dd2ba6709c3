//! The door to shared memory and threads: `std`'s in the product, `loom`'s under `cfg(loom)`, and
//! `shuttle`'s under `cfg(shuttle)`.
//!
//! No other module names atomics, locks, parking or thread creation, so that whatever they build
//! can be explored by the models in `loom-tests/`, and run in random orders by `shuttle-tests/`. The types are wrapped rather than re-exported:
//! clippy then holds everybody else to this door.
#![cfg_attr(not(loom), forbid(unsafe_code))]
#![cfg_attr(loom, allow(unsafe_code, reason = "loom's checked cells"))]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this is the door"
)]

#[cfg(loom)]
use loom::{cell::UnsafeCell, sync as shared, thread};
#[cfg(shuttle)]
use shuttle::{sync as shared, thread};
#[cfg(not(any(loom, shuttle)))]
use std::{sync as shared, thread};

pub(crate) use shared::atomic::Ordering;
pub(crate) use std::sync::{Arc, OnceLock};
// Scoped threads have no twin in loom: only recovery starts them.
#[cfg(loom)]
pub(crate) use std::thread::{Scope, ScopedJoinHandle, scope};
pub(crate) use thread::JoinHandle;
#[cfg(not(loom))]
pub(crate) use thread::{Scope, ScopedJoinHandle, scope};

#[cfg(not(any(loom, shuttle)))]
pub(crate) use crossbeam::queue::ArrayQueue;
#[cfg(loom)]
pub(crate) use parking::{Thread, current};
#[cfg(not(loom))]
pub(crate) use thread::{Thread, current};

use std::time::Duration;

/// Declares a variable of each thread, with a constant to start from.
macro_rules! of_each_thread {
    (static $name:ident: $type:ty = $value:expr;) => {
        #[cfg(not(any(loom, shuttle)))]
        std::thread_local! {
            static $name: $type = const { $value };
        }
        #[cfg(shuttle)]
        shuttle::thread_local! {
            static $name: $type = $value;
        }
        #[cfg(loom)]
        loom::thread_local! {
            static $name: $type = $value;
        }
    };
}
pub(crate) use of_each_thread;

macro_rules! atomic {
    ($name:ident, $value:ty) => {
        /// `std`'s or loom's atomic of the same name.
        #[derive(Debug, Default)]
        pub(crate) struct $name(shared::atomic::$name);

        #[allow(dead_code, reason = "each width is used with its own operations")]
        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                Self(shared::atomic::$name::new(value))
            }

            #[inline]
            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.0.load(order)
            }

            #[inline]
            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.0.store(value, order);
            }

            #[inline]
            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                self.0.swap(value, order)
            }

            #[inline]
            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.0.compare_exchange(current, new, success, failure)
            }
        }
    };
}

atomic!(AtomicBool, bool);
atomic!(AtomicU8, u8);
atomic!(AtomicU64, u64);
atomic!(AtomicUsize, usize);

impl AtomicUsize {
    #[inline]
    pub(crate) fn fetch_add(&self, value: usize, order: Ordering) -> usize {
        self.0.fetch_add(value, order)
    }
}

/// A figure to be looked at: it orders nothing, and nothing hangs on it.
#[derive(Debug, Default)]
pub(crate) struct Statistic(AtomicU64);

impl Statistic {
    pub(crate) fn get(&self) -> u64 {
        // ORDERING: relaxed: a statistic.
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn set(&self, value: u64) {
        // ORDERING: relaxed: a statistic.
        self.0.store(value, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn add(&self, more: u64) {
        // ORDERING: relaxed: a statistic.
        self.0.0.fetch_add(more, Ordering::Relaxed);
    }
}

/// `std`'s or loom's mutex; taken with [`lock`].
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(shared::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shared::Mutex::new(value))
    }
}

/// Locks a mutex whose poisoning carries no information.
///
/// The engine runs no user code under its locks, so a poisoned lock means that one of our own
/// threads panicked between two plain assignments; the data is still well formed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> shared::MutexGuard<'_, T> {
    mutex
        .0
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What threads hand each other through memory that they share: plain memory in the product, and
/// under loom a cell that sees every access and reports a race.
#[derive(Debug)]
#[cfg_attr(not(loom), repr(transparent))]
pub(crate) struct Tracked<T> {
    #[cfg(not(loom))]
    value: T,
    #[cfg(loom)]
    value: UnsafeCell<T>,
}

impl<T> Tracked<T> {
    pub(crate) fn new(value: T) -> Self {
        #[cfg(loom)]
        let value = UnsafeCell::new(value);
        Self { value }
    }

    #[inline]
    pub(crate) fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        #[cfg(not(loom))]
        return look(&self.value);
        // SAFETY: the shared borrow of `self` excludes a writer, or loom reports a race.
        #[cfg(loom)]
        return self.value.with(|value| look(unsafe { &*value }));
    }

    #[inline]
    pub(crate) fn write<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
        #[cfg(not(loom))]
        return change(&mut self.value);
        // SAFETY: the exclusive borrow of `self` excludes everybody else, or loom reports a race.
        #[cfg(loom)]
        return self.value.with_mut(|value| change(unsafe { &mut *value }));
    }
}

// SAFETY: a shared `Tracked` is only read; loom's cell merely has no bound to say so.
#[cfg(loom)]
unsafe impl<T: Sync> Sync for Tracked<T> {}

/// Blocks this thread until it is unparked, or for no reason.
pub(crate) fn park() {
    #[cfg(not(loom))]
    thread::park();
    #[cfg(loom)]
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

/// Starts a named thread.
///
/// # Errors
///
/// When the operating system refuses another thread.
pub(crate) fn spawn_named<T: Send + 'static>(
    name: String,
    body: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<JoinHandle<T>> {
    thread::Builder::new().name(name).spawn(body)
}

/// Starts a named thread that ends before `scope` does.
///
/// # Errors
///
/// When the operating system refuses another thread.
pub(crate) fn spawn_scoped<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: String,
    body: impl FnOnce() -> T + Send + 'scope,
) -> std::io::Result<ScopedJoinHandle<'scope, T>> {
    #[cfg(not(shuttle))]
    return std::thread::Builder::new()
        .name(name)
        .spawn_scoped(scope, body);
    #[cfg(shuttle)]
    {
        let _ = name;
        Ok(scope.spawn(body))
    }
}

/// How many threads this process may run at once: its allowed CPUs.
pub(crate) fn allowed_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Parking under loom. Its own `unpark` also wakes a thread that waits for a lock, which then finds
/// the lock taken and panics; and its `park` never returns unasked, as the real one may.
#[cfg(loom)]
mod parking {
    use std::sync::Arc;

    use loom::sync::Notify;

    loom::thread_local! {
        static TOKEN: Arc<Notify> = Arc::new(Notify::new());
    }

    #[derive(Debug, Clone)]
    pub(crate) struct Thread(Arc<Notify>);

    impl Thread {
        pub(crate) fn unpark(&self) {
            self.0.notify();
        }
    }

    pub(crate) fn current() -> Thread {
        Thread(TOKEN.with(Arc::clone))
    }

    pub(crate) fn park() {
        current().0.wait();
    }
}

/// The twin of crossbeam's queue, whose atomics neither loom nor shuttle can see.
///
/// It promises no more than crossbeam's does: a value that was pushed is popped once, in order, and
/// happens before its pop; `is_empty` takes no lock, so that it may be as stale here as there.
#[cfg(any(loom, shuttle))]
#[derive(Debug)]
pub(crate) struct ArrayQueue<T> {
    values: Mutex<std::collections::VecDeque<T>>,
    length: AtomicUsize,
    capacity: usize,
}

#[cfg(any(loom, shuttle))]
impl<T> ArrayQueue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            values: Mutex::new(std::collections::VecDeque::new()),
            length: AtomicUsize::new(0),
            capacity,
        }
    }

    pub(crate) fn push(&self, value: T) -> Result<(), T> {
        let mut values = lock(&self.values);
        if values.len() == self.capacity {
            return Err(value);
        }
        values.push_back(value);
        // ORDERING: release pairs with `is_empty`, as crossbeam's tail does.
        self.length.store(values.len(), Ordering::Release);
        Ok(())
    }

    pub(crate) fn pop(&self) -> Option<T> {
        let mut values = lock(&self.values);
        let value = values.pop_front();
        // ORDERING: release pairs with `is_empty`, as crossbeam's head does.
        self.length.store(values.len(), Ordering::Release);
        value
    }

    pub(crate) fn is_empty(&self) -> bool {
        // ORDERING: acquire pairs with the releases in `push` and `pop`.
        self.length.load(Ordering::Acquire) == 0
    }
}
