//! Atomics: `std`'s, loom's or shuttle's.
#![forbid(unsafe_code)]

use super::shared;

pub(crate) use shared::atomic::Ordering;

macro_rules! atomic {
    ($name:ident, $value:ty) => {
        /// The atomic of the same name.
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
