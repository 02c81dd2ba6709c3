//! What a partition pays for an event, on one thread and without a journal: read the ring, number,
//! append to the group, apply. Publishing is not timed.
//!
//! `trivial` applies next to nothing: the engine's own share. The others fold into a hundred thousand
//! players, as `projection` does in isolation: compare `cold` with `fetched` here, where the group and
//! the ring compete with the players for the caches and an event's other work keeps the processor
//! from looking ahead.
//!
//! It needs `--features bench-internals`.
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock itself")]

mod support;

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringlog::State;
use ringlog::bench::InMemory;
use support::{
    Dense, Hashed, Move, PlayerEvent, Projection, Random, Sum, Tabled, moved, player_event,
};

const RING_SLOTS: usize = 4096;
const GROUP_BYTES: usize = 1024 * 1024;
/// Published at a time, and then applied: what fits the ring, as frames of the players take a slot.
const EVENTS: usize = 2048;

fn partition(criterion: &mut Criterion) {
    let mut number = 0;
    measure(criterion, "trivial", Sum::default(), || {
        number += 1;
        moved(number)
    });
    commands(criterion, "command", true);
    commands(criterion, "command_rejected", false);
    players::<Projection<Dense, false>>(criterion, "vec_cold");
    players::<Projection<Dense, true>>(criterion, "vec_fetched");
    players::<Projection<Tabled, false>>(criterion, "table_cold");
    players::<Projection<Tabled, true>>(criterion, "table_fetched");
    players::<Projection<Hashed, false>>(criterion, "hash_map_cold");
}

/// What the partition pays for a command: compare with `trivial`, of which it decides each event.
fn commands(criterion: &mut Criterion, name: &str, is_allowed: bool) {
    let mut pipeline = InMemory::new(RING_SLOTS, GROUP_BYTES, Sum::default());
    let client = pipeline.client(EVENTS).expect("there is one client");
    let mut pending = Vec::with_capacity(EVENTS);
    let mut group = criterion.benchmark_group("partition");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            let mut took = Duration::ZERO;
            for _ in 0..iterations {
                for player in 0..EVENTS as u64 {
                    let command = Move { player, is_allowed };
                    pending.push(client.try_send(&command).expect("the ring has room"));
                }
                let start = Instant::now();
                while pipeline.step() {}
                took += start.elapsed();
                for mut pending in pending.drain(..) {
                    assert!(pending.try_take().is_some(), "it is answered");
                }
            }
            took
        });
    });
    group.finish();
}

fn players<S: State<Event = PlayerEvent> + Default>(criterion: &mut Criterion, name: &str) {
    let mut random = Random(1);
    measure(criterion, name, S::default(), || player_event(&mut random));
}

fn measure<S: State>(
    criterion: &mut Criterion,
    name: &str,
    state: S,
    mut next: impl FnMut() -> S::Event,
) {
    let mut pipeline = InMemory::new(RING_SLOTS, GROUP_BYTES, state);
    let mut group = criterion.benchmark_group("partition");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            let mut took = Duration::ZERO;
            for _ in 0..iterations {
                let events = std::iter::repeat_with(&mut next).take(EVENTS);
                let receipt = pipeline.publisher().publish_all(events);
                receipt.expect("the ring has room");
                let start = Instant::now();
                while pipeline.step() {}
                took += start.elapsed();
            }
            took
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1));
    targets = partition
}
criterion_main!(benches);
