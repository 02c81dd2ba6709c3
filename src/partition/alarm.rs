//! Tells the snapshot thread that enough was written since the last snapshot.
#![forbid(unsafe_code)]

use crate::canary::{Canary, is_planted};
use crate::idle::Signal;
use crate::sync::{Arc, AtomicU64, Ordering};

/// Rings once when the bytes written reach a mark; set anew it can ring again.
#[derive(Debug)]
pub(crate) struct Alarm {
    /// `u64::MAX` while it is not set.
    mark: AtomicU64,
    written: AtomicU64,
    signal: Arc<Signal>,
}

impl Alarm {
    /// An alarm that is not set, and wakes who waits on `signal`.
    pub(crate) fn new(signal: Arc<Signal>) -> Self {
        Self {
            mark: AtomicU64::new(u64::MAX),
            written: AtomicU64::new(0),
            signal,
        }
    }

    /// Journaler: this much has been written since opening.
    #[inline]
    pub(crate) fn written(&self, bytes: u64) {
        if is_planted(Canary::AlarmRungTooEarly) {
            self.signal.notify();
            // ORDERING: relaxed, as below: what is wrong is that it comes last.
            self.written.store(bytes, Ordering::Relaxed);
            return;
        }
        // ORDERING: relaxed: two counters that order nothing. One thread writes this one, and a
        // mark that is missed now is met after the next group.
        self.written.store(bytes, Ordering::Relaxed);
        if bytes >= self.mark.load(Ordering::Relaxed) {
            self.signal.notify();
        }
    }

    /// Whether the mark is reached.
    pub(crate) fn is_due(&self) -> bool {
        // ORDERING: relaxed, see `written`.
        self.written.load(Ordering::Relaxed) >= self.mark.load(Ordering::Relaxed)
    }

    /// Rings after `bytes` more.
    pub(crate) fn set_after(&self, bytes: u64) {
        // ORDERING: relaxed, see `written`.
        let written = self.written.load(Ordering::Relaxed);
        self.mark
            .store(written.saturating_add(bytes), Ordering::Relaxed);
    }
}
