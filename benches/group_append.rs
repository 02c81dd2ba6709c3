//! Filling a group from records as they stand in the ring, and sealing it for the journal: what a
//! partition and its journaler pay before the disk is asked.
//!
//! `append` is the copy alone, `append_and_seal` adds the checksum, the header and the padding. Where `append` falls with the group's size, the group has
//! outgrown a cache.
//!
//! It needs `--features bench-internals`.

mod support;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ringlog::bench::{Group, record};
use support::{Random, game_event, moved};

/// Longer than a frame of any record here.
const FRAME_BYTES_MAX: usize = 512;

fn group_append(criterion: &mut Criterion) {
    let mut random = Random(1);
    let records: [(&str, Vec<Vec<u8>>); 2] = [
        ("frames_of_80", (0..64).map(|n| record(&moved(n))).collect()),
        (
            "frames_of_the_game",
            (0..64).map(|_| record(&game_event(&mut random))).collect(),
        ),
    ];
    for (name, records) in &records {
        let mut bench = criterion.benchmark_group(format!("group_append/{name}"));
        for kibibytes in [64, 256, 1024] {
            let mut group = Group::new(kibibytes * 1024);
            let events = fill(&mut group, records);
            bench.throughput(Throughput::Elements(events));
            bench.bench_function(BenchmarkId::new("append", kibibytes), |bencher| {
                bencher.iter(|| fill(&mut group, records));
            });
            bench.bench_function(BenchmarkId::new("append_and_seal", kibibytes), |bencher| {
                bencher.iter(|| {
                    fill(&mut group, records);
                    black_box(group.seal()).len()
                });
            });
        }
        bench.finish();
    }
}

/// Empties the group, and fills it; with how many events.
fn fill(group: &mut Group, records: &[Vec<u8>]) -> u64 {
    group.clear();
    let mut events = 0;
    for record in records.iter().cycle() {
        if group.room() < FRAME_BYTES_MAX {
            break;
        }
        black_box(group.append(record));
        events += 1;
    }
    events
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = group_append
}
criterion_main!(benches);
