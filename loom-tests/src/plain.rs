//! Memory that only what is under test orders.

use loom::cell::UnsafeCell;

/// A number in plain memory. Loom reports every access that nothing orders against another one.
#[derive(Debug)]
pub struct Plain(UnsafeCell<u64>);

// SAFETY: loom checks every access to the cell, which is what it is here for.
unsafe impl Sync for Plain {}
// SAFETY: as above.
unsafe impl Send for Plain {}

impl Plain {
    /// Memory that holds `value`.
    #[must_use]
    pub fn new(value: u64) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Writes it.
    pub fn write(&self, value: u64) {
        // SAFETY: loom checks that nobody else accesses it.
        self.0.with_mut(|place| unsafe { *place = value });
    }

    /// Reads it.
    #[must_use]
    pub fn read(&self) -> u64 {
        // SAFETY: loom checks that nobody writes it.
        self.0.with(|place| unsafe { *place })
    }
}
