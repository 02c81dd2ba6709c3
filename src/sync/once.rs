//! The `OnceLock` of loom's threads.
#![forbid(unsafe_code)]

use super::{AtomicBool, Ordering};

/// The twin of `std`'s, which loom cannot see. Here as there, what was set may be seen late, but not
/// by whoever set it or was told that it is set.
#[derive(Debug, Default)]
pub(crate) struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    is_set: AtomicBool,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self {
            value: std::sync::OnceLock::new(),
            is_set: AtomicBool::new(false),
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        // ORDERING: acquire pairs with the release in `set`.
        match self.is_set.load(Ordering::Acquire) {
            true => self.value.get(),
            false => None,
        }
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        let outcome = self.value.set(value);
        // ORDERING: release publishes the value to `get`. A swap, so that it comes behind the one of
        // whoever was first.
        self.is_set.swap(true, Ordering::AcqRel);
        outcome
    }
}
