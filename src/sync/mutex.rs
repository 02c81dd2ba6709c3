//! Locks that cannot be poisoned.
#![forbid(unsafe_code)]

use super::shared;

/// A mutex; taken with [`lock`].
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
