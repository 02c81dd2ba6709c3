//! A value that is set once.
#![forbid(unsafe_code)]

use std::sync;

#[cfg(loom)]
use super::{AtomicBool, Ordering};

/// `std`'s, which loom cannot see: there a flag of loom's stands in front of it. There as in the
/// product, what was set may be seen late, but not by whoever set it or was told that it is set.
#[derive(Debug, Default)]
pub(crate) struct OnceLock<T> {
    value: sync::OnceLock<T>,
    #[cfg(loom)]
    is_set: AtomicBool,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self {
            value: sync::OnceLock::new(),
            #[cfg(loom)]
            is_set: AtomicBool::new(false),
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        // ORDERING: acquire pairs with the release in `set`.
        #[cfg(loom)]
        if !self.is_set.load(Ordering::Acquire) {
            return None;
        }
        self.value.get()
    }

    /// The first value stays; a later one comes back.
    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        let outcome = self.value.set(value);
        // ORDERING: release publishes the value to `get`. A swap, so that it comes behind the one of
        // whoever was first.
        #[cfg(loom)]
        self.is_set.swap(true, Ordering::AcqRel);
        outcome
    }
}
