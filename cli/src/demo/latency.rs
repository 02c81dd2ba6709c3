//! Latency of a sample, measured beside the load.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Instant;

use hdrhistogram::Histogram;
use serde::Serialize;

/// The sending end: hands what is waited for over when the waiter is free.
pub(super) struct Sampler<T> {
    samples: SyncSender<(Instant, T)>,
}

/// The waiting end: one sample at a time, so that each is timed from its own start to its end.
pub(super) struct Waiter<T> {
    samples: Receiver<(Instant, T)>,
}

/// Percentiles in microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Latency {
    /// How many were sampled.
    pub(super) samples: u64,
    /// The median.
    pub(super) p50_us: f64,
    /// 99 of 100 are faster.
    pub(super) p99_us: f64,
    /// 999 of 1,000 are faster.
    pub(super) p999_us: f64,
    /// The slowest sampled.
    pub(super) max_us: f64,
}

pub(super) fn sampler<T>() -> (Sampler<T>, Waiter<T>) {
    // A rendezvous: a sample is taken only while the waiter waits for none.
    let (sender, receiver) = sync_channel(0);
    (Sampler { samples: sender }, Waiter { samples: receiver })
}

impl<T> Sampler<T> {
    /// Gives back what the waiter is not free for.
    pub(super) fn offer(&self, started: Instant, sample: T) -> Option<T> {
        match self.samples.try_send((started, sample)) {
            Ok(()) => None,
            Err(TrySendError::Full((_, sample)) | TrySendError::Disconnected((_, sample))) => {
                Some(sample)
            }
        }
    }
}

impl<T> Waiter<T> {
    /// Waits for samples, with `wait`, until the sending end is dropped; latencies in nanoseconds of
    /// those that it says `true` of.
    pub(super) fn collect(self, mut wait: impl FnMut(T) -> bool) -> Histogram<u64> {
        let mut latencies = new_histogram();
        while let Ok((started, sample)) = self.samples.recv() {
            if wait(sample) {
                let elapsed = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
                latencies.saturating_record(elapsed);
            }
        }
        latencies
    }
}

impl Latency {
    /// `None` of an empty histogram.
    pub(super) fn of(latencies: &Histogram<u64>) -> Option<Self> {
        let at = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
        (!latencies.is_empty()).then(|| Self {
            samples: latencies.len(),
            p50_us: at(0.5),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: latencies.max() as f64 / 1e3,
        })
    }
}

impl std::fmt::Display for Latency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:>14.0} µs p50, {:.0} µs p99, {:.0} µs p99.9 ({} samples)",
            self.p50_us, self.p99_us, self.p999_us, self.samples
        )
    }
}

/// From 1 ns to a minute with three digits.
pub(super) fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("these bounds are valid")
}
