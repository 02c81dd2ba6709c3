//! One run: threads, the meeting, the clock, and the guard against running for ever.

use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use core_affinity::CoreId;
use ringlog::{Durability, Pipeline};

use super::Tally;
use crate::{Message, Sample, Small};

/// Messages that a queue holds; slots of a ring.
pub(crate) const CAPACITY: usize = 4096;

/// Messages that are sent at once where the contender can.
pub(crate) const BATCH: usize = 256;

/// Messages of the lap before the clock starts: enough to touch all the memory of every contender.
const WARM_UP: u64 = 65_536;

/// That lap ends then at the latest.
const WARM_UP_LIMIT: Duration = Duration::from_millis(200);

/// Publishers stop then, and what has been sent counts.
const LIMIT: Duration = Duration::from_secs(2);

/// How long a queue may take to empty after that, and the warm-up before.
const GRACE: Duration = Duration::from_secs(60);

/// How much is to be moved by how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) publishers: usize,
    /// In all.
    pub(crate) messages: u64,
}

/// A publisher's end of a queue.
pub(crate) trait Outlet<M>: Send {
    /// Sends up to [`BATCH`] messages, one by one or at once; waits for room.
    fn send(&mut self, messages: impl ExactSizeIterator<Item = M>);
}

/// Runs one contender: `start` builds it around the tally, starts its consumer, and returns an
/// outlet for each publisher.
pub(crate) fn race<M: Message, O: Outlet<M>>(
    load: Load,
    start: impl FnOnce(Tally) -> Vec<O>,
) -> Sample {
    let meeting = Arc::new(Barrier::new(load.publishers + 1));
    let (finished, finish) = channel();
    let tally = Tally::new(load.publishers, Arc::clone(&meeting), finished);
    let outlets = start(tally);
    assert_eq!(outlets.len(), load.publishers);
    let share = load.messages.div_ceil(load.publishers as u64);
    let (finish, sent) = thread::scope(|scope| {
        let publishers: Vec<_> = (0..)
            .zip(outlets)
            .map(|(publisher, mut outlet)| {
                let meeting = Arc::clone(&meeting);
                scope.spawn(move || {
                    let first = publisher << 40;
                    let limit = Instant::now() + WARM_UP_LIMIT;
                    feed(&mut outlet, first, WARM_UP / load.publishers as u64, limit);
                    meeting.wait();
                    let start = Instant::now();
                    let sent = feed(&mut outlet, first, share, start + LIMIT);
                    // The outlet is dropped later: that may wait for threads.
                    (start, first, sent, outlet)
                })
            })
            .collect();
        let finish = finish.recv_timeout(LIMIT + GRACE).unwrap_or_else(|_| {
            // Threads that hang cannot be joined.
            eprintln!("a contender did not come to an end: {load:?}");
            std::process::exit(1)
        });
        let sent: Vec<_> = publishers
            .into_iter()
            .map(|publisher| publisher.join().expect("a publisher panicked"))
            .collect();
        (finish, sent)
    });
    let sum = sent.iter().fold(0u64, |sum, (_, first, sent, _)| {
        // Twice the sum of `first..first + sent`.
        let numbers = 2 * u128::from(*first) + u128::from(*sent) - 1;
        #[expect(clippy::cast_possible_truncation, reason = "sums wrap")]
        let numbers = (u128::from(*sent) * numbers) as u64;
        sum.wrapping_add(numbers)
    });
    assert_eq!(finish.sum, sum, "messages were lost or doubled");
    let start = sent.iter().map(|(start, ..)| *start).min();
    let count = sent.iter().map(|(_, _, sent, _)| sent).sum();
    Sample {
        count,
        elapsed: finish.at - start.expect("there is a publisher"),
        is_cut: count < load.messages,
    }
}

/// Sends `count` messages, of which the last is a mark, or fewer if `limit` passes.
fn feed<M: Message>(outlet: &mut impl Outlet<M>, first: u64, count: u64, limit: Instant) -> u64 {
    let mut sent = 0;
    loop {
        let next = first + sent;
        let batch = (count - sent).min(BATCH as u64);
        let is_over = Instant::now() >= limit;
        let is_last = sent + batch == count || is_over;
        let mark = if is_last { next + batch - 1 } else { u64::MAX };
        outlet.send((0..batch as usize).map(|index| {
            let number = next + index as u64;
            M::new(number, number == mark)
        }));
        sent += batch;
        if is_last {
            return sent;
        }
    }
}

/// Starts a consumer where the contender brings no thread of its own.
pub(crate) fn consume(consumer: impl FnOnce() + Send + 'static) {
    thread::spawn(|| {
        if let Some(id) = consumer_cpu() {
            core_affinity::set_for_current(CoreId { id });
        }
        consumer();
    });
}

/// The CPU that ringlog pins its partition to, if it pins it at all.
pub(crate) fn consumer_cpu() -> Option<usize> {
    static CPU: OnceLock<Option<usize>> = OnceLock::new();
    *CPU.get_or_init(|| {
        let pipeline = Pipeline::<<Small as Message>::State>::builder("unused")
            .durability(Durability::Memory)
            .open(|_| {
                let nobody = (Arc::new(Barrier::new(1)), channel().0);
                Small::state(Tally::new(1, nobody.0, nobody.1))
            })
            .expect("a pipeline in memory opens");
        pipeline.start_report().pinned_cpus.first().copied()
    })
}
