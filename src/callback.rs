//! Knows whether this thread is inside code of the user that the engine called.
//!
//! Publishing, waiting, reading or closing from there would wait for the very thread that runs it.
//! Those calls ask [`is_inside`] first and answer `WouldDeadlock`.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::task::Waker;

use crate::sync;

sync::of_each_thread! {
    static DEPTH: Cell<u32> = Cell::new(0);
}

/// Marks this thread as running the user's code until dropped.
#[derive(Debug)]
pub(crate) struct Callback(());

impl Callback {
    pub(crate) fn enter() -> Self {
        DEPTH.with(|depth| depth.set(depth.get() + 1));
        Self(())
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        DEPTH.with(|depth| depth.set(depth.get() - 1));
    }
}

/// Whether the engine is below us on this thread's stack.
#[inline]
pub(crate) fn is_inside() -> bool {
    DEPTH.with(Cell::get) != 0
}

/// Wakes a task; a panic of its waker is contained and costs nobody else theirs.
pub(crate) fn wake(waker: Waker) {
    let _inside = Callback::enter();
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| waker.wake())).is_err() {
        tracing::error!("a waker panicked; the other waiters were woken all the same");
    }
}

/// Drops something of the user's; a panic in that is contained.
pub(crate) fn drop_contained<T>(value: T) {
    if !std::mem::needs_drop::<T>() {
        return;
    }
    let _inside = Callback::enter();
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(value))).is_err() {
        tracing::error!("an answer that nobody waits for panicked when it was dropped");
    }
}

/// Runs the engine's own code, in which a panic is a bug: it is contained and told, except under
/// loom and shuttle, where it is what a test looks for.
pub(crate) fn contain<T>(body: impl FnOnce() -> T) -> std::thread::Result<T> {
    if cfg!(any(loom, shuttle)) {
        return Ok(body());
    }
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(body))
}

/// The text of a panic's payload, for a report.
pub(crate) fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".to_owned())
}
