//! Memory that threads share, within loom's sight.
#![cfg_attr(not(loom), forbid(unsafe_code))]
#![cfg_attr(loom, allow(unsafe_code, reason = "loom's checked cells"))]

#[cfg(loom)]
use loom::cell::UnsafeCell;

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
