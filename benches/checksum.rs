//! CRC-32C as the journal computes it: over a lone event, a block, a small group, a full one.
//!
//! The journaler and every reader pay it for each byte, so it bounds both: a core cannot write or
//! replay faster than this. Beside it, what moving the same bytes takes: a checksum slower than
//! `copy` is what a group costs, a faster one is lost in it.
//!
//! It needs `--features bench-internals`.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ringlog::bench;

fn checksum(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("checksum");
    for bytes in [128, 4 * 1024, 64 * 1024, 1024 * 1024] {
        let source = vec![0x5a_u8; bytes];
        let mut target = vec![0_u8; bytes];
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::new("crc32c", bytes), |bencher| {
            bencher.iter(|| bench::checksum(black_box(&source)));
        });
        group.bench_function(BenchmarkId::new("copy", bytes), |bencher| {
            bencher.iter(|| {
                target.copy_from_slice(black_box(&source));
                black_box(&mut target);
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = checksum
}
criterion_main!(benches);
