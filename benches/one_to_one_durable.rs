//! One publisher, one partition, everything durable, beside a bare loop of durable 1 MiB
//! overwrites on the same disk: how much of the disk the engine reaches.
#![allow(
    clippy::disallowed_methods,
    reason = "a bench reads the clock and the disk itself"
)]

mod support;

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use support::{BareFile, BenchDir, median, moved, open};

const EVENTS: u64 = 1_000_000;
const WRITE_BYTES: usize = 1024 * 1024;
const FILE_BYTES: u64 = 128 * WRITE_BYTES as u64;
const ROUNDS: usize = 7;

fn one_to_one(criterion: &mut Criterion) {
    let directory = BenchDir::new();
    let mut bare = BareFile::new(&directory, FILE_BYTES, WRITE_BYTES);
    let pipeline = open(&directory);
    let publisher = pipeline.publisher();
    let publish_all = || {
        let start = Instant::now();
        for player in 1..EVENTS {
            publisher.publish(&moved(player)).expect("it publishes");
        }
        let last = publisher.publish(&moved(EVENTS)).expect("it publishes");
        last.wait().expect("it is durable");
        start.elapsed()
    };
    let (mut events, mut megabytes, mut bare_megabytes) = (Vec::new(), Vec::new(), Vec::new());
    publish_all();
    for _ in 0..ROUNDS {
        let written = pipeline.stats()[0].bytes_written;
        let seconds = publish_all().as_secs_f64();
        let written = pipeline.stats()[0].bytes_written - written;
        events.push(EVENTS as f64 / seconds);
        megabytes.push(written as f64 / 1e6 / seconds);
        let writes = FILE_BYTES / WRITE_BYTES as u64;
        let seconds: f64 = (0..writes).map(|_| bare.overwrite().as_secs_f64()).sum();
        bare_megabytes.push(FILE_BYTES as f64 / 1e6 / seconds);
    }
    let (events, megabytes) = (median(&mut events), median(&mut megabytes));
    let bare_megabytes = median(&mut bare_megabytes);
    println!(
        "{:.2} M events/s durable, {megabytes:.0} MB/s; bare 1 MiB overwrites {bare_megabytes:.0} MB/s \
         (medians of {ROUNDS}, alternating): {:.2} of the disk",
        events / 1e6,
        megabytes / bare_megabytes
    );
    let mut group = criterion.benchmark_group("one_to_one_durable");
    group.throughput(Throughput::Elements(EVENTS));
    group.bench_function("events", |bencher| {
        bencher.iter_custom(|iterations| (0..iterations).map(|_| publish_all()).sum());
    });
    group.throughput(Throughput::Bytes(WRITE_BYTES as u64));
    group.bench_function("bare_1_mib", |bencher| {
        bencher.iter_custom(|iterations| (0..iterations).map(|_| bare.overwrite()).sum());
    });
    group.finish();
    drop(pipeline);
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
