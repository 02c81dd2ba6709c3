//! The queue of loom's and shuttle's threads.
#![forbid(unsafe_code)]

use std::collections::VecDeque;

use super::{AtomicUsize, Mutex, Ordering, lock};

/// The twin of crossbeam's queue, whose atomics neither loom nor shuttle can see.
///
/// It promises no more than crossbeam's does: a value that was pushed is popped once, in order, and
/// happens before its pop; `is_empty` takes no lock, so that it may be as stale here as there.
#[derive(Debug)]
pub(crate) struct ArrayQueue<T> {
    values: Mutex<VecDeque<T>>,
    length: AtomicUsize,
    capacity: usize,
}

impl<T> ArrayQueue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            values: Mutex::new(VecDeque::new()),
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
        // ORDERING: relaxed: whoever finds nothing learns of nothing, as with crossbeam's.
        if self.length.load(Ordering::Relaxed) == 0 {
            return None;
        }
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
