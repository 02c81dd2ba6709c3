//! A lock for many readers or one writer, which cannot be poisoned.
#![forbid(unsafe_code)]

use super::shared;

/// A read-write lock; taken with [`read`] and [`write`].
#[derive(Debug, Default)]
pub(crate) struct RwLock<T>(shared::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shared::RwLock::new(value))
    }
}

/// Shares the lock with other readers. A waiting writer goes first: whoever holds it must not take
/// it again.
#[inline]
pub(crate) fn read<T>(lock: &RwLock<T>) -> shared::RwLockReadGuard<'_, T> {
    lock.0
        .read()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Takes the lock alone.
#[inline]
pub(crate) fn write<T>(lock: &RwLock<T>) -> shared::RwLockWriteGuard<'_, T> {
    lock.0
        .write()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
