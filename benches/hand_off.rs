//! From publishers to one partition that applies next to nothing, without a journal: what the ring and
//! the threads on both sides of it reach together.
//!
//! A figure is the time from the first publish until the last event is applied, by the event. With
//! fewer free cores than threads (`two_to_one` has three) it says how well they give way to each
//! other, and differs much from run to run: look at the interval, not at its middle.
#![allow(
    clippy::disallowed_methods,
    reason = "a bench reads the clock and starts threads itself"
)]

mod support;

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringlog::{Durability, Pipeline, Publisher};
use support::{BenchDir, BenchEvent, Sum, moved};

/// Of each publisher.
const EVENTS: u64 = 200_000;

fn hand_off(criterion: &mut Criterion) {
    let directory = BenchDir::new();
    let pipeline = Pipeline::<Sum>::builder(directory.journal())
        .durability(Durability::Memory)
        .open(|_| Sum::default())
        .expect("the pipeline opens");
    for (topology, publishers) in [("one_to_one", 1), ("two_to_one", 2)] {
        let mut group = criterion.benchmark_group(format!("hand_off/{topology}"));
        group.throughput(Throughput::Elements(publishers * EVENTS));
        let ways: [(&str, Way); 2] = [("one_by_one", one_by_one), ("in_batches", in_batches)];
        for (name, way) in ways {
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|iterations| {
                    let rounds = (0..iterations).map(|_| side_by_side(&pipeline, publishers, way));
                    rounds.sum()
                });
            });
        }
        group.finish();
    }
    pipeline.close().expect("it closes");
}

type Way = fn(&Publisher<BenchEvent>);

/// Every publisher on a thread of its own; how long until the last of them has seen its events applied.
fn side_by_side(pipeline: &Pipeline<Sum>, publishers: u64, way: Way) -> Duration {
    let others: Vec<_> = (1..publishers).map(|_| pipeline.publisher()).collect();
    let mine = pipeline.publisher();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for publisher in others {
            scope.spawn(move || way(&publisher));
        }
        way(&mine);
    });
    start.elapsed()
}

fn one_by_one(publisher: &Publisher<BenchEvent>) {
    for player in 1..EVENTS {
        publisher.publish(&moved(player)).expect("it publishes");
    }
    let last = publisher.publish(&moved(EVENTS)).expect("it publishes");
    last.wait().expect("it is applied");
}

fn in_batches(publisher: &Publisher<BenchEvent>) {
    let receipt = publisher.publish_all((1..=EVENTS).map(moved));
    receipt
        .expect("they are published")
        .wait()
        .expect("they are applied");
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = hand_off
}
criterion_main!(benches);
