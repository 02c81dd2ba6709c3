//! Latency: of one event at a time, and under a load that is offered whatever happens.
//!
//! An *open* load publishes at its own pace. Each latency counts from the moment at which the event
//! was intended to be published, so that a pipeline that stalls is charged for every event that had
//! to wait meanwhile: nothing is left out by coordination with what is measured.

mod acks;
mod applied;
mod load;
mod schedule;

pub(super) use acks::LoneAcks;
pub(super) use applied::Applied;
pub(super) use load::OfferedLoad;

use std::time::Duration;

use hdrhistogram::Histogram;

/// Latencies in nanoseconds.
pub(super) type Latencies = Histogram<u64>;

/// From 1 ns to a minute with three digits.
pub(super) fn latencies() -> Latencies {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("these bounds are valid")
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
