//! What a publisher pays for one event: archive, validate, copy into the ring. Nothing is written,
//! and the partition applies on a thread of its own.
//!
//! It is the publisher's share of `hand_off` where the partition keeps up; where it does not, this
//! measures the partition. A long ring hides that for a while, so compare lengths. `in_batches` is by
//! the event, too.

mod support;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringlog::{Durability, Pipeline};
use support::{BenchDir, Sum, moved};

/// Events of a batch.
const BATCH: usize = 512;

fn publish(criterion: &mut Criterion) {
    let directory = BenchDir::new();
    let mut group = criterion.benchmark_group("publish");
    let event = moved(1);
    let batch = [event; BATCH];
    for slots in [4096, 65_536] {
        let pipeline = Pipeline::<Sum>::builder(directory.journal())
            .durability(Durability::Memory)
            .ring_slots(slots)
            .open(|_| Sum::default())
            .expect("the pipeline opens");
        let publisher = pipeline.publisher();
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("in_memory_{slots}_slots"), |bencher| {
            bencher.iter(|| {
                publisher
                    .publish(black_box(&event))
                    .expect("it publishes")
                    .partition()
            });
        });
        group.throughput(Throughput::Elements(BATCH as u64));
        group.bench_function(format!("in_memory_{slots}_slots_in_batches"), |bencher| {
            bencher.iter(|| {
                publisher
                    .publish_all(black_box(&batch))
                    .expect("they are published")
                    .is_durable()
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
