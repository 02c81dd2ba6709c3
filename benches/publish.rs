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
    let mut group = criterion.benchmark_group("publish");
    group.throughput(Throughput::Elements(1));
    let event = moved(1);
    for slots in [4096, 65_536] {
        let pipeline = Pipeline::<Sum>::builder(directory.journal())
            .durability(Durability::Memory)
            .ring_slots(slots)
            .open(|_| Sum::default())
            .expect("the pipeline opens");
        let publisher = pipeline.publisher();
        group.bench_function(format!("in_memory_{slots}_slots"), |bencher| {
            bencher.iter(|| {
                publisher
                    .publish(black_box(&event))
                    .expect("it publishes")
                    .partition()
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = publish
}
criterion_main!(benches);
