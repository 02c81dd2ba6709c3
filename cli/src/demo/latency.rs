//! Ack latency of a sample of the events, measured beside the load.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use hdrhistogram::Histogram;
use ringlog::Receipt;

/// The publisher's end: hands a receipt over when the sampler is free, and drops it otherwise.
pub(super) struct Sampler {
    samples: SyncSender<(Instant, Receipt<'static>)>,
}

/// The waiting end: one sample at a time, so that each is timed from its own publish to its ack.
pub(super) struct Waiter {
    samples: Receiver<(Instant, Receipt<'static>)>,
}

pub(super) fn sampler() -> (Sampler, Waiter) {
    // A rendezvous: a sample is taken only while the waiter waits for none.
    let (sender, receiver) = sync_channel(0);
    (Sampler { samples: sender }, Waiter { samples: receiver })
}

impl Sampler {
    pub(super) fn offer(&self, published: Instant, receipt: Receipt<'_>) {
        let _ = self.samples.try_send((published, receipt.detach()));
    }
}

impl Waiter {
    /// Waits for samples until the publisher's end is dropped; latencies in nanoseconds.
    pub(super) fn collect(self) -> Histogram<u64> {
        let mut latencies = new_histogram();
        while let Ok((published, receipt)) = self.samples.recv() {
            if receipt.wait().is_ok() {
                let elapsed = u64::try_from(published.elapsed().as_nanos()).unwrap_or(u64::MAX);
                latencies.saturating_record(elapsed);
            }
        }
        latencies
    }
}

/// From 1 ns to a minute with three digits.
pub(super) fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("these bounds are valid")
}
