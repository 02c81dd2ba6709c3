//! What a publisher pays for one event: archive, validate, copy into the ring. Nothing is written,
//! and the partition applies on a thread of its own.
#![allow(
    clippy::disallowed_methods,
    reason = "the shared part of the benches reads the clock itself"
)]

mod support;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringlog::{Durability, Pipeline};
use support::{BenchDir, Sum, moved};

fn publish(criterion: &mut Criterion) {
    let directory = BenchDir::new();
    let pipeline = Pipeline::<Sum>::builder(directory.journal())
        .durability(Durability::Memory)
        .ring_slots(1 << 16)
        .open(|_| Sum::default())
        .expect("the pipeline opens");
    let publisher = pipeline.publisher();
    let mut group = criterion.benchmark_group("publish");
    group.throughput(Throughput::Elements(1));
    let event = moved(1);
    group.bench_function("one_event_in_memory", |bencher| {
        bencher.iter(|| {
            publisher
                .publish(black_box(&event))
                .expect("it publishes")
                .partition()
        });
    });
    group.finish();
    drop(pipeline);
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = publish
}
criterion_main!(benches);
