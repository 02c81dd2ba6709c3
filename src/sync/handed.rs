//! Memory that passes from one thread to another and back, within loom's sight.
#![allow(unsafe_code, reason = "a cell that its user says when to touch")]

#[cfg(not(loom))]
use std::cell::UnsafeCell;

#[cfg(loom)]
use loom::cell::UnsafeCell;

/// A value that one thread at a time may touch. Which one that is, something else says.
#[derive(Debug)]
pub(crate) struct Handed<T>(UnsafeCell<T>);

// SAFETY: `with` is the only way in, and its caller vouches that nobody else is there; the value
// passes from thread to thread with it.
unsafe impl<T: Send> Sync for Handed<T> {}

impl<T> Handed<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Touches the value.
    ///
    /// # Safety
    ///
    /// No other thread touches it until this returns, and what the last one did happened before.
    /// `touch` does not come back here.
    #[inline]
    pub(crate) unsafe fn with<R>(&self, touch: impl FnOnce(&mut T) -> R) -> R {
        #[cfg(not(loom))]
        let value = self.0.get();
        // SAFETY: the caller vouches that nobody else touches it.
        #[cfg(not(loom))]
        return touch(unsafe { &mut *value });
        // SAFETY: as above, or loom reports a race.
        #[cfg(loom)]
        return self.0.with_mut(|value| touch(unsafe { &mut *value }));
    }
}
