//! The watermark that acknowledgements hang on: what raising it costs who raises it, and how long a
//! waiter takes to run again.
//!
//! `nobody_waits` is paid once a group. `wakes_a_parked_thread` is what a waiter costs the journaler:
//! a lock and a system call. `there_and_back` is two waits, each ended by the other thread: half of it
//! is what an acknowledgement takes from the watermark to its waiter, and most of that is the kernel's.
//!
//! It needs `--features bench-internals`.
#![allow(
    clippy::disallowed_methods,
    reason = "a bench reads the clock and starts threads itself"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use ringlog::bench::Watermark;

/// By then the waiter has parked, unless the machine is very busy.
const PARKED_AFTER: Duration = Duration::from_micros(100);

fn watermark(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("watermark");
    group.bench_function("nobody_waits", |bencher| {
        let watermark = Watermark::new(0);
        let mut value = 0;
        bencher.iter(|| {
            value += 1;
            black_box(watermark.advance(value))
        });
    });
    group.bench_function("wakes_a_parked_thread", |bencher| {
        bencher.iter_custom(|iterations| {
            beside_a_waiter(iterations, |there, back, value| {
                std::thread::sleep(PARKED_AFTER);
                let start = Instant::now();
                black_box(there.advance(value));
                let took = start.elapsed();
                back.wait(value);
                took
            })
        });
    });
    group.bench_function("there_and_back", |bencher| {
        bencher.iter_custom(|iterations| {
            beside_a_waiter(iterations, |there, back, value| {
                let start = Instant::now();
                there.advance(value);
                back.wait(value);
                start.elapsed()
            })
        });
    });
    group.finish();
}

/// Runs `round` with 1 to `rounds`, beside a thread that waits for each number and sends it back;
/// the sum of what the rounds took.
fn beside_a_waiter(
    rounds: u64,
    round: impl Fn(&Watermark, &Watermark, u64) -> Duration,
) -> Duration {
    let (there, back) = (Watermark::new(0), Watermark::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for value in 1..=rounds {
                there.wait(value);
                back.advance(value);
            }
        });
        (1..=rounds).map(|value| round(&there, &back, value)).sum()
    })
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = watermark
}
criterion_main!(benches);
