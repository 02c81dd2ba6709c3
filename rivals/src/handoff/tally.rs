//! What the consumer does with a message.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Barrier};
use std::time::Instant;

use crate::Message;

/// Adds up what arrives, and notices the ends of the laps.
#[derive(Debug)]
pub struct Tally {
    sum: u64,
    marks: usize,
    publishers: usize,
    /// Where everybody meets between the warm-up and the lap that counts.
    meeting: Arc<Barrier>,
    finished: Sender<Finish>,
}

/// What the consumer had when the last message arrived.
#[derive(Debug)]
pub(crate) struct Finish {
    pub(crate) at: Instant,
    pub(crate) sum: u64,
}

impl Tally {
    pub(crate) fn new(publishers: usize, meeting: Arc<Barrier>, finished: Sender<Finish>) -> Self {
        Self {
            sum: 0,
            marks: 0,
            publishers,
            meeting,
            finished,
        }
    }

    /// Takes a message; whether it was the last of all.
    #[inline]
    pub(crate) fn take<M: Message>(&mut self, message: &M) -> bool {
        let (number, last) = message.ends();
        self.count(number, last, message.is_mark())
    }

    /// As [`take`](Self::take), for a message that was taken apart.
    #[inline]
    pub(crate) fn count(&mut self, number: u64, last: u64, is_mark: bool) -> bool {
        self.sum = self.sum.wrapping_add(number).wrapping_add(last);
        is_mark && self.mark()
    }

    #[cold]
    fn mark(&mut self) -> bool {
        self.marks += 1;
        if self.marks == self.publishers {
            self.sum = 0;
            self.meeting.wait();
        }
        if self.marks < 2 * self.publishers {
            return false;
        }
        let (at, sum) = (Instant::now(), self.sum);
        // Nobody listens any more only where the time limit was far exceeded.
        let _ = self.finished.send(Finish { at, sum });
        true
    }
}
