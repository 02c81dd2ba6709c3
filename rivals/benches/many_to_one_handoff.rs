//! Two and four publishers, one consumer, in memory: ringlog without a journal beside what else
//! moves messages from several threads to one.
//!
//! On a machine with fewer cores than threads this shows who gives way. The tables that are printed
//! first are the comparison: their rounds go through all contenders in turn. Criterion's figures
//! after them are taken one contender after the other.

mod support;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use ringlog_rivals::Small;
use ringlog_rivals::handoff::contenders;
use support::{Counts, compare};

const MESSAGES: Counts = Counts {
    measured: 1_000_000,
    tested: 10_000,
};

fn many_to_one(criterion: &mut Criterion) {
    let rows = contenders::<Small>(2);
    compare(
        criterion,
        "many_to_one_handoff/2_publishers",
        MESSAGES,
        rows,
    );
    let rows = contenders::<Small>(4);
    compare(
        criterion,
        "many_to_one_handoff/4_publishers",
        MESSAGES,
        rows,
    );
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(2));
    targets = many_to_one
}
criterion_main!(benches);
