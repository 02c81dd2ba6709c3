//! From a struct to its archive and back to a view, by the event.
//!
//! `archive` and `view` is what a publisher does to each event, `view` what a replay does,
//! `view_trusted` what a live partition does to events that their publisher has validated: the
//! difference between the last two is what validating once more would cost it.
//!
//! `small` is an event of 32 bytes that is a copy of its fields, `game` the mixed events of the
//! reference domain with their whole envelope, strings included.
#![allow(unsafe_code, reason = "trusted access is one of the things measured")]

mod support;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringlog::rkyv::util::AlignedVec;
use ringlog::{Archiver, Event, EventType, event};
use support::{Random, game_event, player_event};

/// More than branch prediction learns by heart, and few enough to stay in the cache.
const EVENTS: usize = 1024;

fn codec(criterion: &mut Criterion) {
    let mut random = Random(1);
    measure(criterion, "small", || player_event(&mut random));
    measure(criterion, "game", || game_event(&mut random));
}

fn measure<E: Event>(criterion: &mut Criterion, name: &str, next: impl FnMut() -> E) {
    let events: Vec<E> = std::iter::repeat_with(next).take(EVENTS).collect();
    let mut archiver = Archiver::default();
    let archives: Vec<_> = events
        .iter()
        .map(|event| {
            let mut bytes = AlignedVec::<16>::new();
            bytes.extend_from_slice(event::to_archive(event, &mut archiver).expect("it is short"));
            let event_type = event.event_type();
            E::view(event_type.kind, event_type.version, &bytes).expect("it was archived");
            (event_type, bytes)
        })
        .collect();
    let mut group = criterion.benchmark_group(format!("codec/{name}"));
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("archive", |bencher| {
        bencher.iter(|| {
            for event in &events {
                black_box(event::to_archive(event, &mut archiver).expect("it is short"));
            }
        });
    });
    group.bench_function("view", |bencher| {
        bencher.iter(|| {
            for (EventType { kind, version, .. }, bytes) in &archives {
                black_box(E::view(*kind, *version, bytes).expect("it was archived"));
            }
        });
    });
    group.bench_function("view_trusted", |bencher| {
        bencher.iter(|| {
            for (EventType { kind, version, .. }, bytes) in &archives {
                // SAFETY: `view` accepted these bytes when they were collected, and they are aligned to 16.
                black_box(unsafe { E::view_trusted(*kind, *version, bytes) });
            }
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = codec
}
criterion_main!(benches);
