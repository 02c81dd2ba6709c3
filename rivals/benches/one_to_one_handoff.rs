//! One publisher, one consumer, in memory: ringlog without a journal beside what else moves
//! messages from one thread to another.
//!
//! The table that is printed first is the comparison: its rounds go through all contenders in turn.
//! Criterion's figures after it are taken one contender after the other.

mod support;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use ringlog_rivals::handoff::contenders;
use ringlog_rivals::{Large, Small};
use support::{Counts, compare};

const MESSAGES: Counts = Counts {
    measured: 1_000_000,
    tested: 10_000,
};

fn one_to_one(criterion: &mut Criterion) {
    let rows = contenders::<Small>(1);
    compare(criterion, "one_to_one_handoff/64_bytes", MESSAGES, rows);
    let rows = contenders::<Large>(1);
    compare(criterion, "one_to_one_handoff/128_bytes", MESSAGES, rows);
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(2));
    targets = one_to_one
}
criterion_main!(benches);
