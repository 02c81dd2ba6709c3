//! Parking under loom, whose own `unpark` also wakes a thread that waits for a lock, which then finds
//! the lock taken and panics; and its `park` never returns unasked, as the real one may.
#![forbid(unsafe_code)]

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
