//! The hand-over of groups from the partition to its journaler, and of empty buffers back.
//!
//! A buffer is in exactly one place: the pool, the open group, a queue, or the journaler's hands.
#![forbid(unsafe_code)]

use crate::canary::{Canary, is_planted};
use crate::idle::Signal;
use crate::journal::GroupBuffer;
use crate::sync::{ArrayQueue, AtomicBool, Ordering};

/// Buffers per partition: one open, one being written, two queued or coming back.
#[cfg(not(loom))]
pub(crate) const BUFFERS: usize = 4;
/// Two are enough for loom to see a pool that runs dry and is refilled.
#[cfg(loom)]
pub(crate) const BUFFERS: usize = 2;

/// The two queues between a partition and its journaler.
#[derive(Debug)]
pub(crate) struct Exchange {
    full: ArrayQueue<GroupBuffer>,
    empty: ArrayQueue<GroupBuffer>,
    /// Wakes the journaler.
    work: Signal,
    ended: AtomicBool,
}

impl Exchange {
    pub(crate) fn new() -> Self {
        Self {
            full: ArrayQueue::new(BUFFERS),
            empty: ArrayQueue::new(BUFFERS),
            work: Signal::new(),
            ended: AtomicBool::new(false),
        }
    }

    /// Partition: hands a group to the journal.
    pub(crate) fn hand_over(&self, group: GroupBuffer) {
        let refused = self.full.push(group);
        assert!(
            refused.is_ok(),
            "there are no more buffers than the queue has places"
        );
        self.work.notify();
    }

    /// Partition: an empty buffer, if one has come back.
    pub(crate) fn take_empty(&self) -> Option<GroupBuffer> {
        self.empty.pop()
    }

    /// Partition: whether a buffer has come back.
    pub(crate) fn has_empty(&self) -> bool {
        !self.empty.is_empty()
    }

    /// Partition: no group will follow.
    pub(crate) fn end(&self) {
        // ORDERING: release: the groups handed over before are seen by whoever sees the end.
        self.ended.store(true, Ordering::Release);
        self.work.notify();
    }

    /// Journaler: the next group, if one is waiting.
    pub(crate) fn take_full(&self) -> Option<GroupBuffer> {
        self.full.pop()
    }

    /// Journaler: whether a group is waiting.
    #[cfg(feature = "sim")]
    pub(crate) fn has_full(&self) -> bool {
        !self.full.is_empty()
    }

    /// Journaler: whether the last group has been taken.
    pub(crate) fn is_drained(&self) -> bool {
        // ORDERING: acquire pairs with the release in `end`; the end is looked at first, so an
        // empty queue seen afterwards stays empty. The canary has it the wrong way round.
        if is_planted(Canary::QueueLookedAtBeforeTheEnd) {
            return self.full.is_empty() && self.ended.load(Ordering::Acquire);
        }
        self.ended.load(Ordering::Acquire) && self.full.is_empty()
    }

    /// Journaler: waits for a group or the end, for at most `timeout`; `false` on time-out.
    pub(crate) fn wait(&self, timeout: Option<std::time::Duration>) -> bool {
        self.work
            .wait_for(timeout, || !self.full.is_empty() || self.is_drained())
    }

    /// Journaler: returns a buffer whose group is answered.
    pub(crate) fn give_back(&self, mut group: GroupBuffer) {
        group.clear();
        let refused = self.empty.push(group);
        assert!(
            refused.is_ok(),
            "there are no more buffers than the queue has places"
        );
    }
}
