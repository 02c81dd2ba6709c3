//! One event, published alone and waited for, and one command, beside a bare durable write of 4 KiB on the same
//! disk: what the engine adds to the disk when there is nothing to share a group with.
//!
//! The ratio is taken from writes that alternate, because a disk that others use changes from one
//! second to the next.
#![allow(
    clippy::disallowed_methods,
    reason = "a bench reads the clock and the disk itself"
)]

mod support;

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use support::{BareFile, BenchDir, Move, median, moved, open};

const FILE_BYTES: u64 = 16 * 1024 * 1024;
const ROUNDS: usize = 5;
const WRITES: usize = 400;

fn lone_ack(criterion: &mut Criterion) {
    let directory = BenchDir::new();
    let mut bare = BareFile::new(&directory, FILE_BYTES, 4096);
    let pipeline = open(&directory);
    let publisher = pipeline.publisher();
    let acknowledged = || {
        let start = Instant::now();
        let receipt = publisher.publish(&moved(1)).expect("it publishes");
        receipt.wait().expect("it is durable");
        start.elapsed()
    };
    let client = pipeline.client().expect("there is one client");
    let answered = || {
        let start = Instant::now();
        let command = Move {
            player: 1,
            is_allowed: true,
        };
        let pending = client.send(&command).expect("it is sent");
        pending.wait().expect("it is durable");
        start.elapsed()
    };
    // The first event starts a segment, and the next one is prepared meanwhile.
    for _ in 0..WRITES {
        acknowledged();
    }
    for round in 1..=ROUNDS {
        let (mut alone, mut replies, mut beside) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..WRITES {
            beside.push(bare.overwrite());
            alone.push(acknowledged());
            replies.push(answered());
        }
        let beside: Duration = median(&mut beside);
        for (what, times) in [("acknowledged", &mut alone), ("answered", &mut replies)] {
            let took: Duration = median(times);
            println!(
                "round {round}: {what} in {took:?}, bare write in {beside:?} (medians of {WRITES}, \
                 alternating): {:.2} times the disk",
                took.as_secs_f64() / beside.as_secs_f64()
            );
        }
    }
    let mut group = criterion.benchmark_group("lone_ack_latency");
    group.bench_function("event", |bencher| {
        bencher.iter_custom(|iterations| (0..iterations).map(|_| acknowledged()).sum());
    });
    group.bench_function("command", |bencher| {
        bencher.iter_custom(|iterations| (0..iterations).map(|_| answered()).sum());
    });
    group.bench_function("bare_4_kib", |bencher| {
        bencher.iter_custom(|iterations| (0..iterations).map(|_| bare.overwrite()).sum());
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
    targets = lone_ack
}
criterion_main!(benches);
